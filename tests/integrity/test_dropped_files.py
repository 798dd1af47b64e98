"""Damaged files of the cache and of finished steps are dropped with a finding and made again; the result stays the same."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.dropping import finding_of_drops, noting_drops
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.features.store.store import Store

KEYS = [f"{number:064x}" for number in range(17)]


class Result(Record):
    value: int


def garbled(path: Path, size: int = 64) -> None:
    """Bytes in the middle of a file changed, its length kept."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for place in range(middle, min(middle + size, len(content))):
        content[place] ^= 0xA5
    path.write_bytes(content)


@pytest.fixture
def stored(tmp_path) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(17, 70)).astype(np.float32)
    Store(tmp_path / "store").add(KEYS, {"stage.0": rows})
    return rows


def test_a_chunk_garbled_in_its_middle_is_dropped_and_its_rows_count_as_missing(tmp_path, stored, caplog):
    (chunk,) = (tmp_path / "store").glob("*.safetensors")
    assert Store(tmp_path / "store").missing(KEYS) == []
    garbled(chunk)
    with noting_drops() as told, caplog.at_level(logging.WARNING):
        again = Store(tmp_path / "store")
        assert again.missing(KEYS) == KEYS
        (finding,) = finding_of_drops()
    assert told == {chunk: "its checksum is not that of its content"}
    assert finding.code == "damaged-files"
    assert finding.evidence == {"num_files": 1, "files": [f"{chunk}: its checksum is not that of its content"]}
    assert f"{chunk} is damaged" in caplog.text
    assert not chunk.exists()
    again.add(KEYS, {"stage.0": stored})
    assert np.allclose(again.gather(KEYS)["stage.0"], stored, atol=1e-2)


def test_a_chunk_that_cannot_be_deleted_is_not_read(tmp_path, stored, monkeypatch):
    (chunk,) = (tmp_path / "store").glob("*.safetensors")
    garbled(chunk)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    again = Store(tmp_path / "store")
    assert again.missing(KEYS) == KEYS
    assert again.missing(KEYS) == KEYS
    assert chunk.exists()


def test_a_chunk_that_is_damaged_while_it_is_used_is_looked_at_when_a_process_opens_it(tmp_path, stored):
    store = Store(tmp_path / "store")
    assert store.missing(KEYS) == []
    (chunk,) = (tmp_path / "store").glob("*.safetensors")
    garbled(chunk)
    assert Store(tmp_path / "store").missing(KEYS[:1]) == KEYS[:1]


def test_a_chunk_of_an_earlier_version_is_read(tmp_path, stored):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    (chunk,) = (tmp_path / "store").glob("*.safetensors")
    with safe_open(chunk, framework="np") as opened:
        keys = opened.metadata()["keys"]
    save_file(load_file(chunk), chunk, {"keys": keys})
    again = Store(tmp_path / "store")
    assert again.missing(KEYS) == []
    assert np.allclose(again.gather(KEYS)["stage.0"], stored, atol=1e-2)


def made(folder: Path, value: int = 3) -> Result:
    from headstart.core.arrays import write_arrays

    write_arrays(folder / "rows.safetensors", {"rows": np.arange(100.0)})
    return Result(value=value)


@pytest.mark.parametrize("file", ["step", "arrays"])
def test_a_damaged_step_is_dropped_and_made_again(tmp_path, file):
    steps = Steps(tmp_path)
    steps.run("fold", {"a": 1}, Result, made)
    (record,) = tmp_path.glob("*.json")
    assert steps.run("fold", {"a": 1}, Result, lambda folder: made(folder, 4)).value == 3
    path = record if file == "step" else record.with_suffix("") / "rows.safetensors"
    garbled(path, 1)
    with noting_drops() as told:
        assert steps.run("fold", {"a": 1}, Result, lambda folder: made(folder, 4)).value == 4
    assert set(told) == {path}
    assert steps.run("fold", {"a": 1}, Result, made).value == 4


HOSTILE = {
    "deep": '{"value": ' + "[" * 100_000,
    "digits": '{"value": ' + "9" * 5_000 + "}",
    "another type": '{"value": "three"}',
    "no text": b"\xff\xfe",
    "empty": "",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_step_is_dropped_and_made_again(tmp_path, kind):
    steps = Steps(tmp_path)
    steps.run("fold", {}, Result, made)
    (record,) = tmp_path.glob("*.json")
    content = HOSTILE[kind]
    record.write_bytes(content if isinstance(content, bytes) else content.encode())
    with noting_drops() as told:
        assert steps.run("fold", {}, Result, lambda folder: made(folder, 5)).value == 5
    assert set(told) == {record}


def test_a_damaged_step_of_other_runs_is_not_taken_over(tmp_path):
    Steps(tmp_path / "first", tmp_path / "shared").run("fold", {}, Result, made)
    (arrays,) = (tmp_path / "shared").rglob("rows.safetensors")
    garbled(arrays)
    found = Steps(tmp_path / "second", tmp_path / "shared").run("fold", {}, Result, lambda folder: made(folder, 6))
    assert found.value == 6


@pytest.fixture(scope="module")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a cache and a run on them."""
    home, labels = tmp_path_factory.mktemp("home"), np.arange(47) % 2
    vectors = np.random.default_rng(0).normal(size=(47, 6)).astype(np.float32) + labels[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(home / "cache"))
        patch.chdir(home)
        np.savez("data.npz", features=vectors, labels=np.array(["a", "b"])[labels])
        assert "damaged-files" not in [finding.code for finding in headstart.run("data.npz", out="own").findings]
    shutil.rmtree(home / "cache" / "steps")
    return home


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["garbled", "cut off", "gone", "another file"])
def test_a_run_whose_fold_predictions_are_broken_makes_them_again_and_says_so(made_run, tmp_path, monkeypatch, fault):
    shutil.copytree(made_run, tmp_path / "home")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.chdir(tmp_path / "home")
    expected = headstart.Run.load("own").predictions.probs
    for name in ("evaluation.json", "predictions.parquet", "report.html"):
        Path("own", name).unlink()
    for path in Path("own/steps").glob("evaluate-*.json"):
        path.unlink()
    files = sorted(Path("own/steps").glob("*/predictions.parquet"))
    assert files
    for path in files:
        if fault == "garbled":
            garbled(path)
        elif fault == "cut off":
            path.write_bytes(path.read_bytes()[:-100])
        elif fault == "gone":
            path.unlink()
        else:
            path.write_bytes(b"PAR1")
    again = headstart.run("data.npz", out="own")
    assert np.array_equal(again.predictions.probs, expected)
    assert [finding.code for finding in again.findings].count("damaged-files") == (0 if fault == "gone" else 1)
