"""Half-written files: those of the dead are deleted, and those of the living stay, whichever process looks."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from headstart.core import unfinished
from headstart.core.unfinished import OLD_SECONDS, SUFFIX, sweep, taking_place, unfinished_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def left_by_a_kill(folder: Path, *, in_folder: bool = False) -> Path:
    """What a child leaves that ends while it writes."""
    pid = os.fork()
    if not pid:
        if in_folder:
            with unfinished_folder(folder / "step") as part:
                (part / "array").write_bytes(b"123")
                os._exit(0)
        with taking_place(folder / "result.json", durable=False) as stream:
            stream.write(b"12345")
            stream.flush()
            os._exit(0)
    os.waitpid(pid, 0)
    (left,) = folder.glob(".*")
    return left


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("in_folder", [False, True])
def test_what_a_killed_process_left_is_deleted_at_once(tmp_path, in_folder):
    left_by_a_kill(tmp_path, in_folder=in_folder)
    (tmp_path / "other").write_text("stays")
    assert sweep(tmp_path) >= (3 if in_folder else 5)
    assert names_in(tmp_path) == ["other"]


def test_what_is_being_written_stays_however_old_it_looks(tmp_path):
    with taking_place(tmp_path / "a", durable=False) as stream, unfinished_folder(tmp_path / "b") as part:
        for path in tmp_path.iterdir():
            os.utime(path, (0, 0))
        assert sweep(tmp_path, below=True) == 0
        stream.write(b"whole")
        (part / "inside").write_bytes(b"x")
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"whole"


@pytest.mark.parametrize("case", ["another machine", "no locks"])
def test_where_no_lock_tells_only_old_files_are_deleted(tmp_path, monkeypatch, case):
    digits = ("0" * 32 if case == "another machine" else f"{unfinished._machine()}{'0' * 24}") + SUFFIX
    for name in ("young", "old"):
        (tmp_path / f".{name}.{digits}").write_bytes(b"x")
    moment = time.time() - OLD_SECONDS - 60
    os.utime(tmp_path / f".old.{digits}", (moment, moment))
    if case == "no locks":
        monkeypatch.setattr(unfinished.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    assert sweep(tmp_path) == 1
    assert names_in(tmp_path) == [f".young.{digits}"]


def test_files_of_other_names_and_links_stay(tmp_path):
    digits = f"{unfinished._machine()}{'0' * 24}"
    (tmp_path / "target").write_text("x")
    (tmp_path / f".link.{digits}{SUFFIX}").symlink_to(tmp_path / "target")
    for name in (".hidden", f"seen.{digits}{SUFFIX}", f".short.{digits[:-1]}{SUFFIX}", f".other_program.{digits}"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, 0))
    before = names_in(tmp_path)
    assert sweep(tmp_path) == 0
    assert names_in(tmp_path) == before


def test_folders_below_are_looked_through_where_asked(tmp_path):
    inside = tmp_path / "steps" / f".x.{unfinished._machine()}{'0' * 24}{SUFFIX}"
    inside.parent.mkdir()
    inside.write_bytes(b"12")
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path, below=True) == 2
    assert not inside.exists()


def test_a_file_that_was_taken_for_dead_before_it_was_locked_is_begun_again(tmp_path, monkeypatch):
    locked, taken = unfinished._locked, []

    def after_a_sweep(descriptor: int) -> int | None:
        if not taken:
            taken.append(sweep(tmp_path))
            assert names_in(tmp_path) == []
        return locked(descriptor)

    monkeypatch.setattr(unfinished, "_locked", after_a_sweep)
    with taking_place(tmp_path / "a", durable=False) as stream:
        stream.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_without_locks_files_are_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    with taking_place(tmp_path / "a", durable=False) as stream, unfinished_folder(tmp_path / "b"):
        stream.write(b"whole")
    assert names_in(tmp_path) == ["a"]
