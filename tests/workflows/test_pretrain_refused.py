"""What pretraining refuses, in one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pretraining_made import SHORT, picture, refused
from sklearn.datasets import load_digits

from headstart.core.errors import DataError, PlanError, PretrainedError
from headstart.runs.run import Run
from headstart.workflows.pretrain import pretrain

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "vic_reg"}, {"settings": {**SHORT, "temperature": 0.2}}])
def test_another_pretraining_in_the_same_folder_is_refused(change: dict[str, Any], headless: Run, unlabeled: Path) -> None:
    before = {path: path.read_bytes() for path in headless.folder.rglob("*") if path.is_file()}
    wish = {"settings": SHORT, **change}
    assert refused(PlanError, lambda: pretrain(unlabeled, out=headless.folder, **wish)) == (
        f"{headless.folder} holds something else than this pretraining. Give another --out, or delete it."
    )
    assert {path: path.read_bytes() for path in headless.folder.rglob("*") if path.is_file()} == before


def test_a_folder_of_pictures_and_a_file_are_no_places_for_a_run(unlabeled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, out=tmp_path / "file")) == (
        f"{tmp_path / 'file'} is a file. Give another --out."
    )
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, out=unlabeled)) == (
        f"{unlabeled} holds something else than this pretraining. Give another --out, or delete it."
    )
    assert [entry.name for entry in unlabeled.iterdir()] == ["unlabeled"]


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"method": "simclr"}, '"simclr" is not a method. Did you mean "sim_clr"? `headstart methods` lists all.'),
        ({"method": "ridge"}, "ridge trains no network. Choose supervised, sim_clr or another: `headstart methods` lists all."),
        (
            {"method": "sim_clr", "settings": {"temperatures": 1}},
            '--set: method.temperatures is not a field. Did you mean "temperature"?',
        ),
        ({"settings": {"training.epoch": 1}}, '--set training: epoch is not a field. Did you mean "epochs"?'),
        ({"method": "sim_clr", "settings": {"crop": 2}}, "--set: method.crop = 2"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_told_in_one_sentence(
    wish: dict[str, Any], text: str, unlabeled: Path, tmp_path: Path
) -> None:
    assert refused(PlanError, lambda: pretrain(unlabeled, out=tmp_path / "run", **wish)).startswith(text)


def test_a_wish_that_came_to_nothing_leaves_the_folder_free(unlabeled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    text = '--set training: epoch is not a field. Did you mean "epochs"?'
    assert refused(PlanError, lambda: pretrain(unlabeled, settings={"training.epoch": 1}, out=folder)) == text
    assert not folder.exists()
    misspelled = {**SHORT, "teacher": "efficientnet_lite", "teacher_pixels": 8}
    text = '"efficientnet_lite" is not a pretrained model. Did you mean'
    assert refused(
        PretrainedError, lambda: pretrain(unlabeled, method="distillation", settings=misspelled, out=folder)
    ).startswith(text)
    assert pretrain(unlabeled, settings=SHORT, out=folder).plan.method["kind"] == "sim_clr"
    text = f"{folder} holds something else than this pretraining. Give another --out, or delete it."
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, seed=1, out=folder)) == text


def test_an_unknown_model_is_told_at_once(unlabeled: Path) -> None:
    assert refused(PretrainedError, lambda: pretrain(unlabeled, pretrained="efficientnet_lite")).startswith(
        '"efficientnet_lite" is not a pretrained model. Did you mean'
    )


def test_labels_of_one_class_are_none(labeled: Path, tmp_path: Path) -> None:
    place = tmp_path / "ones"
    for row in np.flatnonzero(load_digits().target == 1)[:70].tolist():
        (place / "one").mkdir(parents=True, exist_ok=True)
        picture(row).save(place / "one" / f"{row}.png")
    for method in ("supervised", "lp_ft", "fix_match"):
        assert refused(DataError, lambda method=method: pretrain(place, method=method, out=tmp_path / "run")) == (
            f"{method} needs labels of at least two classes, and {place} has fewer. "
            "Sort the pictures into one folder a class, or choose sim_clr, which needs none."
        )
    made = pretrain(place, settings=SHORT, out=tmp_path / "run")
    assert (made.plan.method["kind"], made.model.classes) == ("sim_clr", ())
    title = 'There is one class only ("one"), so that labels teach nothing: none is used.'
    assert title in [finding.title for finding in made.findings]


@pytest.mark.parametrize("folders", [("unlabeled",), ("zero", "one")])
def test_ten_pictures_are_too_few(folders: tuple[str, ...], tmp_path: Path) -> None:
    place = tmp_path / "ten"
    for row in range(10):
        (place / folders[row % len(folders)]).mkdir(parents=True, exist_ok=True)
        picture(row).save(place / folders[row % len(folders)] / f"{row}.png")
    met = "10 pictures" if folders == ("unlabeled",) else "8 of 10 pictures (2 held out)"
    assert refused(DataError, lambda: pretrain(place, out=tmp_path / "run")) == (
        f"{place}: {met} are too few to pretrain on; at least 64 are needed. "
        "Add pictures, or transfer from a model that `headstart models` lists."
    )
    assert not (tmp_path / "run").exists()


def test_too_few_pictures_are_told_with_what_became_of_the_others(labeled: Path, tmp_path: Path) -> None:
    """One class, with two copies of the three test pictures in the pool, and a file that is none."""
    place, files = tmp_path / "one", sorted((labeled / "one").iterdir())
    for folder in ("train/one", "test/one", "unlabeled"):
        (place / folder).mkdir(parents=True)
    for number, file in enumerate(files[:19]):
        shutil.copy(file, place / ("test" if number < 3 else "train") / "one" / file.name)
    for file in files[:2]:
        shutil.copy(file, place / "unlabeled" / file.name)
    (place / "unlabeled" / "broken.png").write_bytes(b"no picture")
    met = "16 of 22 pictures (3 held out, 3 left out as copies or unusable) are too few to pretrain on; at least 64 are needed. "
    advice = "Add pictures, or transfer from a model that `headstart models` lists."
    chosen = 'With one class only ("one") labels teach nothing, so sim_clr was chosen. '
    assert refused(DataError, lambda: pretrain(place, out=tmp_path / "run")) == f"{place}: {met}{chosen}{advice}"
    wish = {"method": "vic_reg", "out": tmp_path / "run"}
    assert refused(DataError, lambda: pretrain(place, **wish)) == f"{place}: {met}{advice}"


def test_a_method_that_needs_what_the_source_lacks_is_refused(labeled: Path, tmp_path: Path) -> None:
    assert refused(DataError, lambda: pretrain(labeled, method="fix_match", out=tmp_path / "run")) == (
        "fix_match needs unlabeled images, and digits has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )


def test_feature_vectors_are_no_pictures(tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(80, 5)).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", features=features, labels=np.arange(80) % 3)
    for method, kind in (("supervised", "fine_tune"), ("sim_clr", "sim_clr")):
        wish = {"method": method, "out": tmp_path / "run"}
        assert refused(PlanError, lambda wish=wish: pretrain(tmp_path / "vectors.npz", **wish)) == (
            f"vectors holds feature vectors, and {kind} trains on pictures. Choose ridge or another closed form."
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("make", ["nothing", "empty", "loose"])
def test_a_place_without_usable_pictures_is_refused_in_one_sentence(make: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if make != "nothing":
        place.mkdir()
    if make == "loose":
        picture(3).save(place / "3.png")
    text = refused(DataError, lambda: pretrain(place))
    assert text.startswith(
        {"nothing": f'"{place}" does not exist', "empty": f"{place}: holds no pictures"}.get(make, f"{place}: 1 pictures")
    )
