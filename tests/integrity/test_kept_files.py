"""Nothing is deleted that headstart did not write or cannot make again, nor what merely cannot be read."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import headstart
from headstart.core import soundness
from headstart.core.arrays import write_arrays
from headstart.core.dropping import drop, noting_drops
from headstart.core.errors import DataError
from headstart.core.records import Record
from headstart.core.soundness import fault_of
from headstart.core.steps import Steps
from headstart.data.images import Stamp
from headstart.data.scan_cache import Measured, ScanCache
from headstart.multioutput.predictions import OutputPredictions
from headstart.training.average import WeightAverage
from headstart.training.checkpoint import FILE, Counters, Trained, read_checkpoint, write_checkpoint

STEM = "fold-0123456789abcdef"
FOREIGN = {
    "tsconfig.json": b'{"compilerOptions": {} /* a comment */}',
    "pyproject.toml": b"name = \n",
    "data/mine.parquet": b"PAR1 and something else",
    "data/arrays.npz": b"no archive",
    "features/mine/mine.safetensors": b"mine",
    "steps/mine/notes.json": b"// mine",
    "steps/notes.json": b"// mine",
    "remote/abc/table.json": b"// of a store",
    "weights/mine.safetensors": b"mine",
}


class Result(Record):
    value: int


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_somebody_else_is_no_cache(tmp_path):
    written(tmp_path, FOREIGN)
    with pytest.raises(DataError, match="holds no finished run"):
        headstart.verify(tmp_path)
    assert contents(tmp_path) == FOREIGN


def test_in_the_cache_only_what_headstart_wrote_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    own = {
        "features/network/0123456789abcdef01234567.safetensors": b"damaged",
        f"steps/0.1.0-auto-machine/{STEM}.json": b'{"value": 3}',
        f"steps/0.1.0-auto-machine/{STEM}/rows.parquet": b"damaged",
        "scan/0123456789abcdef0123456789abcdef.npz": b"damaged",
    }
    written(tmp_path, FOREIGN | own)
    (found,) = headstart.verify(tmp_path).kinds
    assert found.num == 4
    assert [one.name for one in found.mismatches] == [
        "features/network/0123456789abcdef01234567.safetensors",
        "scan/0123456789abcdef0123456789abcdef.npz",
        f"steps/0.1.0-auto-machine/{STEM}/rows.parquet",
    ]
    assert contents(tmp_path) == FOREIGN


def test_an_unfinished_run_keeps_its_first_model(tmp_path):
    files = {
        "request.json": b"{}",
        "first_model/head.safetensors": b"damaged",
        "unlabeled.parquet": b"damaged",
        f"steps/{STEM}.json": b"{}",
    }
    written(tmp_path, files)
    with pytest.raises(DataError):
        headstart.verify(tmp_path)
    assert contents(tmp_path) == files


def test_in_the_folder_of_a_study_only_steps_are_deleted(tmp_path):
    files = {"study.json": b"damaged", "steps/notes.json": b"// mine", "steps/mine/notes.json": b"// mine"}
    written(tmp_path, files | {f"steps/{STEM}.json": b"damaged", f"steps/{STEM}/rows.npz": b"damaged"})
    assert len(headstart.verify(tmp_path).kinds[0].mismatches) == 4
    assert contents(tmp_path) == files


def test_tables_of_any_columns_are_sound(tmp_path):
    pq.write_table(pa.table({"mine": [1, 2, 3]}), tmp_path / "mine.parquet")
    column = np.zeros((3, 1))
    OutputPredictions(("a", "b", "c"), ("size",), column, column, np.arange(3), column).write(tmp_path / "outputs.parquet")
    for name in ("mine.parquet", "outputs.parquet"):
        path = tmp_path / name
        assert fault_of(path) == ""
        path.write_bytes(path.read_bytes()[:-9])
        assert fault_of(path)


OPENED: dict[str, Callable[[Path], object]] = {
    "arrays.safetensors": lambda path: write_arrays(path, {"rows": np.arange(9.0)}),
    "table.parquet": lambda path: pq.write_table(pa.table({"mine": [1]}), path),
    "archive.npz": lambda path: np.savez(path, rows=np.arange(9)),
    "record.json": lambda path: path.write_text("{}"),
    "plan.toml": lambda path: path.write_text(""),
}


@pytest.fixture
def no_more_files(monkeypatch):
    """A call after which no file can be opened, as there are too many open."""

    def refuse(*_args, **_options):
        raise OSError(errno.EMFILE, "Too many open files")

    def begin():
        monkeypatch.setattr(Path, "open", refuse)
        monkeypatch.setattr("io.open", refuse)
        monkeypatch.setattr("builtins.open", refuse)

    return begin


@pytest.mark.parametrize("name", OPENED)
def test_a_file_that_cannot_be_opened_is_not_damaged(tmp_path, monkeypatch, no_more_files, name):
    OPENED[name](tmp_path / name)
    assert fault_of(tmp_path / name) == ""
    no_more_files()
    with pytest.raises(OSError, match="Too many open files"):
        fault_of(tmp_path / name)


def test_a_file_that_needs_more_memory_than_there_is_is_not_damaged(tmp_path, monkeypatch):
    (tmp_path / "record.json").write_text("{}")

    def refuse(_path):
        raise MemoryError

    monkeypatch.setitem(soundness.CHECKS, ".json", refuse)
    with pytest.raises(OSError, match="memory"):
        fault_of(tmp_path / "record.json")


def test_verify_names_what_cannot_be_opened_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    path = tmp_path / "scan" / "0123456789abcdef0123456789abcdef.npz"
    written(tmp_path, {path.relative_to(tmp_path).as_posix(): b"whole"})

    def refuse(_path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setitem(soundness.CHECKS, ".npz", refuse)
    ((mismatch,),) = (kind.mismatches for kind in headstart.verify("cache").kinds)
    assert mismatch.sentence == (
        f"{mismatch.name}: cannot be read (Input/output error), so nothing tells whether it is sound. "
        "Make it readable, and verify again."
    )
    assert path.exists()


def test_a_finished_step_that_cannot_be_opened_is_kept(tmp_path, monkeypatch):
    def made(folder: Path) -> Result:
        write_arrays(folder / "rows.safetensors", {"rows": np.arange(9.0)})
        return Result(value=3)

    Steps(tmp_path).run("fold", {}, Result, made)
    before = contents(tmp_path)
    soundness.forget_known()

    def refuse(_path):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setitem(soundness.CHECKS, ".safetensors", refuse)
        with noting_drops() as told, pytest.raises(OSError, match="Too many open files"):
            Steps(tmp_path).run("fold", {}, Result, made)
    assert not told
    assert contents(tmp_path) == before
    assert Steps(tmp_path).run("fold", {}, Result, lambda _: Result(value=4)).value == 3


def test_a_checkpoint_that_cannot_be_opened_is_kept(tmp_path, no_more_files, monkeypatch):
    learner = nn.Linear(2, 1)
    trained = Trained(learner, torch.optim.SGD(learner.parameters(), 0.1), WeightAverage(learner, 0.9))
    write_checkpoint(tmp_path, trained, Counters(step=5), "same")
    with monkeypatch.context():
        no_more_files()
        with pytest.raises(OSError, match="Too many open files"):
            read_checkpoint(tmp_path, trained, "same")
    monkeypatch.undo()
    assert (tmp_path / FILE).exists()
    found = read_checkpoint(tmp_path, trained, "same")
    assert found is not None
    assert found.step == 5


def test_a_scan_that_cannot_be_opened_is_neither_dropped_nor_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    stamps = [Stamp("/pictures/a.png", 10, 1), Stamp("/pictures/b.png", 10, 1)]
    ScanCache(stamps).add({0: Measured(sha="a"), 1: Measured(sha="b")})

    def refuse(_path):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setitem(soundness.CHECKS, ".npz", refuse)
        cache = ScanCache(stamps)
        assert cache.get(1) is None
        cache.add({0: Measured(sha="a")})
    again = ScanCache(stamps).get(1)
    assert again is not None
    assert again.sha == "b"


def test_damaged_files_on_a_file_system_that_is_read_only_count_as_missing(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    path = written(tmp_path, {f"{STEM}.json": b'{"value": 3}', f"{STEM}/rows.json": b"damaged"}) / f"{STEM}.json"
    monkeypatch.setattr(Path, "unlink", refuse)
    with noting_drops() as told:
        assert soundness.drops_damaged_step(path)
        drop(path, "damaged")
    assert set(told) == {path, path.with_suffix("") / "rows.json"}
