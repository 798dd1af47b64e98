"""What is synced: files before they take their place, names after it, and new folders; and which errors count."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headstart.core.durable import sync_tree
from headstart.core.errors import ExportError
from headstart.core.records import write_atomically

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells an open file's name by /proc")


@pytest.fixture
def synced(monkeypatch) -> list[str]:
    """The names of what is synced, in turn."""
    told: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: told.append(Path(f"/proc/self/fd/{number}").readlink().name))
    return told


def test_the_bytes_are_synced_before_a_file_takes_its_place_and_its_name_after_it(tmp_path, synced, monkeypatch):
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (synced.append("replaced"), replace(self, to)))
    write_atomically(tmp_path / "a" / "b" / "result.json", "text")
    assert synced[:2] == [tmp_path.name, "a"]
    assert synced[2].startswith(".result.json.")
    assert synced[3:] == ["replaced", "b"]


def test_what_need_not_be_durable_is_not_synced(tmp_path, synced):
    write_atomically(tmp_path / "a" / "chunk", b"bytes", durable=False)
    assert synced == []


def test_all_of_a_tree_is_synced_and_folders_after_what_is_in_them(tmp_path, synced):
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "file").write_bytes(b"x")
    sync_tree(tmp_path / "outer")
    assert synced == ["file", "inner", "outer"]


@pytest.mark.parametrize(("number", "counts"), [(errno.EIO, True), (errno.ENOSPC, True), (errno.EINVAL, False)])
def test_a_disk_that_does_not_take_the_bytes_keeps_the_old_file(tmp_path, monkeypatch, number, counts):
    path = tmp_path / "result.json"
    write_atomically(path, "old")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    if counts:
        with pytest.raises(ExportError, match="cannot be written"):
            write_atomically(path, "new")
    else:
        write_atomically(path, "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old" if counts else "new"]
