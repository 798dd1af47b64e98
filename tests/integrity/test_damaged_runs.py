"""Files of a finished run that are damaged, gone or of another run are made again by its command, and not read as its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.errors import DamagedError, DataError
from headstart.core.soundness import forget_known
from headstart.multioutput.model import ARRAYS, OutputModel
from headstart.multioutput.run import OutputRun
from headstart.runs.run import Run

PARTS = (
    "evaluation.json",
    "findings.json",
    "task.json",
    "plan.toml",
    "predictions.parquet",
    "result.json",
    "env.json",
    "manifest.json",
)


def vectors(place: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = np.arange(41) % 3 == 0
    features = (draw.normal(size=(41, 5)) + labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))


def several(place: Path) -> None:
    draw = np.random.default_rng(3)
    labels = draw.random((60, 2)) < 0.5
    features = (draw.normal(size=(60, 5)) + labels @ np.eye(2, 5)).astype(np.float32)
    names = [";".join(name for name, there in zip(("a", "b"), row, strict=True) if there) or "c" for row in labels]
    np.savez(place, features=features, labels=np.array(names))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        vectors(Path("one.npz"), 1)
        vectors(Path("two.npz"), 2)
        several(Path("several.npz"))
        for name in ("one", "two"):
            headstart.fit(f"{name}.npz", method="ridge", pretrained="embeddings", out=name)
        headstart.run("several.npz", only="transfer", out="several")
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(made, tmp_path / "home"))
    monkeypatch.chdir(copy)
    forget_known()
    return copy


def again(name: str) -> Run:
    return headstart.fit(f"{name}.npz", method="ridge", pretrained="embeddings", out=name)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["flipped", "gone", "of another run"])
def test_a_fit_given_again_makes_what_is_damaged_again(home, name, damage):
    before, same = Run(Path("one")).evaluation, Path("one", name).read_bytes() == Path("two", name).read_bytes()
    if damage == "flipped":
        flip(Path("one", name))
    elif damage == "gone":
        Path("one", name).unlink()
    else:
        shutil.copy(Path("two", name), Path("one", name))
    run = again("one")
    assert run.evaluation == before
    assert run.verify().same
    told = [finding.code for finding in run.findings]
    assert ("damaged-files" in told) == (damage == "flipped" or (damage == "of another run" and not same))


def test_a_part_of_another_run_is_not_read_as_its_own(home):
    for name in ("evaluation.json", "predictions.parquet"):
        shutil.copy(Path("two", name), Path("one", name))
    run = Run(Path("one"))
    with pytest.raises(DamagedError) as caught:
        _ = run.evaluation
    assert str(caught.value) == (
        "one/evaluation.json is damaged (its SHA-256 is not that of the manifest). Restore or delete it."
    )
    with pytest.raises(DamagedError, match=r"one/predictions\.parquet is damaged"):
        _ = run.predictions


@pytest.mark.parametrize(
    "name", ["decision.json", "evaluation.json", "findings.json", "task.json", "request.json", "result.json"]
)
def test_a_run_of_several_labels_given_again_makes_what_is_damaged_again(home, name):
    before = OutputRun(Path("several")).evaluation
    flip(Path("several", name))
    run = headstart.run("several.npz", only="transfer", out="several")
    assert run.evaluation == before
    assert json.loads(Path("several", name).read_text())
    assert run.verify().same


def changed(name: str, value: np.ndarray) -> None:
    path = Path("several", "model", ARRAYS)
    write_arrays(path, read_arrays(path) | {name: value})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("slope", np.full(3, np.nan), "slope holds 3 values that are not finite"),
        ("offset", np.zeros(2), r"offset has shape \[2\], and \[3 output\] is needed"),
        ("thresholds", np.zeros(3), f"{ARRAYS} is of another model than outputs.json"),
    ],
)
def test_a_model_of_several_labels_whose_arrays_do_not_fit_is_refused_and_made_again(home, name, value, said):
    changed(name, value)
    with pytest.raises(DataError, match=rf"several/model holds no whole model \({said}\)"):
        OutputModel.load(Path("several/model"))
    run = headstart.run("several.npz", only="transfer", out="several")
    assert np.isfinite(run.model.thresholds).all()
    assert run.verify().same
