"""Watching: new images are compared with a run's held-out ones, from Python and from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.evaluation.drift import Drift
from headstart.runs.run import Run
from headstart.workflows.watch import Watched, watch

pytestmark = pytest.mark.slow


def pictures(folder: Path, rows: np.ndarray, dark: float = 1.0) -> Path:
    """Digits as files."""
    folder.mkdir(parents=True)
    for row in rows.tolist():
        pixels = np.clip(load_digits().images[row] * 15.9 * dark, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((16, 16)).save(folder / f"{row}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on pictures of three digits, evaluated out of fold."""
    place = tmp_path_factory.mktemp("watched") / "digits"
    for digit, name in enumerate(("zero", "one", "two")):
        pictures(place / name, rows_of(digit)[:60])
    return headstart.fit(place, method="ridge", pretrained="pixels", out=place.parent / "run")


def rows_of(digit: int) -> np.ndarray:
    """Rows of a digit in random order: writers follow one another."""
    return np.random.default_rng(digit).permutation(np.flatnonzero(load_digits().target == digit))


def others(digits: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    return np.concatenate([rows_of(digit)[100:140] for digit in digits])


def test_images_like_those_learned_from_are_told_from_others(run: Run, tmp_path: Path) -> None:
    alike = watch(run, pictures(tmp_path / "alike", others()), num=6)
    assert not alike.drift.found
    assert (alike.drift.num_images, alike.drift.num_held_out) == (120, len(run.predictions))
    assert alike.drift.split == run.evaluation.split
    assert len(alike.to_label) == 6
    changed = watch(run, pictures(tmp_path / "changed", others((7, 8, 9)), dark=0.4))
    assert changed.drift.found
    assert changed.drift.estimated_accuracy.value < alike.drift.estimated_accuracy.value
    assert Watched.from_json(changed.to_json()) == changed


def test_images_to_label_are_the_least_usual_and_the_least_sure_in_turn(run: Run, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "new", others((1, 5)))
    found = watch(run, folder, num=11)
    rows = {row["path"]: row for row in headstart.predict(run, folder)}
    unlike = sorted((row["unknown"]["p_value"], path) for path, row in rows.items() if row["unknown"]["flag"])
    unsure = sorted((row["probability"], path) for path, row in rows.items())
    assert len(found.to_label) == len({one.path for one in found.to_label}) == 11
    by_reason = {
        reason: [one.path for one in found.to_label if one.reason == reason] for reason in ("unlike known images", "unsure")
    }
    assert by_reason["unlike known images"][0] in {path for p_value, path in unlike if p_value == unlike[0][0]}
    assert by_reason["unsure"][0] in {path for _, path in unsure[:2]}
    assert all(one.probability == pytest.approx(rows[one.path]["probability"]) for one in found.to_label)
    assert watch(run, folder, num=0).to_label == ()


def test_files_that_cannot_be_read_are_named_and_the_others_compared(run: Run, tmp_path: Path, headstart_command) -> None:
    folder = pictures(tmp_path / "new", others())
    (folder / "broken.png").write_text("no picture")
    found = watch(run, folder)
    assert (found.drift.num_images, list(found.unreadable)) == (120, [str(folder / "broken.png")])
    done = headstart_command("watch", str(run.folder), str(folder), "--json")
    assert done.code == 1
    assert "broken.png" in done.err
    answer = json.loads(done.out)
    assert answer["found"] is False
    assert Drift.from_dict(answer["drift"]) == found.drift


def test_the_command_shows_tests_shares_and_images_to_label(run: Run, tmp_path: Path, headstart_command) -> None:
    words = ("watch", str(run.folder), str(pictures(tmp_path / "new", others((7, 8)))), "--num", "3")
    done = headstart_command(*words)
    assert (done.code, headstart_command(*words, "--strict").code) == (0, 1)
    assert done.out.startswith("Drift was found: the 80 new images differ from those learned from in")
    for words in ("Accuracy estimated", "Flagged as unknown", "novelty", "zero", "Label first"):
        assert words in done.out


def test_a_stress_test_of_the_run_corrects_the_estimated_accuracy(run: Run, tmp_path: Path, headstart_command) -> None:
    stressed = Run(Path(shutil.copytree(run.folder, tmp_path / "stressed")))
    folder = pictures(tmp_path / "new", others(), dark=0.4)
    words = ("watch", str(stressed.folder), str(folder))
    assert "without labels; headstart stress RUN would make it closer" in " ".join(headstart_command(*words).out.split())
    found = headstart.stress(stressed, corruption=("brightness", "contrast", "gaussian_noise"))
    assert set(found.clean.estimates) == set(watch(stressed, folder).drift.estimates)
    drift = watch(stressed, folder).drift
    assert drift.num_conditions == len(found.rows)
    told = f"without labels, corrected by {drift.num_conditions} conditions of headstart stress"
    assert told in " ".join(headstart_command(*words).out.split())
    chinese = "".join(headstart_command("--language", "zh", *words).out.split())
    assert f"没有标签，由headstartstress的{drift.num_conditions}种条件校正" in chinese
    assert "张测试图片" in chinese or "张折外图片" in chinese
    assert "；已知图片中为5%" in chinese


def test_what_cannot_be_compared_is_refused(run: Run, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "new", others()[:30])
    with pytest.raises(PlanError, match=r"level = 1\.5 is no level of a test"):
        watch(run, folder, level=1.5)
    with pytest.raises(PlanError, match="num = -1"):
        watch(run, folder, num=-1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.png").write_text("no picture")
    with pytest.raises(DataError, match="None of the 1 images can be read"):
        watch(run, tmp_path / "broken")
    (run.folder / "predictions.parquet").rename(tmp_path / "kept.parquet")
    try:
        with pytest.raises(DataError, match="has no predictions of held-out images to compare new ones with"):
            watch(run.folder, folder)
    finally:
        (tmp_path / "kept.parquet").rename(run.folder / "predictions.parquet")


def test_files_of_feature_vectors_are_watched_as_pictures_are(tmp_path: Path, headstart_command) -> None:
    draw = np.random.default_rng(0)
    centers = draw.normal(size=(3, 8)) * 2

    def written(name: str, num: int, offset: float = 0.0) -> Path:
        labels = draw.integers(0, 3, num)
        rows = (centers[labels] + draw.normal(size=(num, 8)) + offset).astype(np.float32)
        np.savez(tmp_path / name, features=rows, labels=np.array(["a", "b", "c"])[labels])
        return tmp_path / name

    run = headstart.fit(written("own.npz", 200), method="ridge", pretrained="embeddings", out=tmp_path / "run")
    alike, other = written("alike.npz", 90), written("other.npz", 90, offset=3.0)
    assert not watch(run, alike).drift.found
    assert watch(run, [alike, other]).drift.num_images == 180
    assert headstart_command("watch", str(run.folder), str(other), "--strict").code == 1
    with pytest.raises(DataError, match="holds no feature vectors"):
        watch(run, pictures(tmp_path / "pictures", others()[:30]))
