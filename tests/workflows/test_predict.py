"""Applying a run: its task again, and other labeled sets."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import headstart
from headstart.core.parsing import json_in, json_text
from headstart.data.images import FileImages, ImageSet
from headstart.methods.test_time import adapted_at_test_time
from headstart.planning import fitting
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.workflows.fit import forgotten_by
from headstart.workflows.predict import predict

pytestmark = pytest.mark.slow


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A run on pictures in files, and one on arrays that are no files, so that its pictures can be shown from its task alone."""
    monkeypatch.chdir(tmp_path)
    shaded(tmp_path / "shades", ("dark", "light"), 150)
    for place, folder in (("shades", "own"), ("digits", "built_in")):
        headstart.fit(place, per_class=5, method="ridge", pretrained="pixels", out=folder)
    return tmp_path


def test_the_report_of_a_copied_run_of_a_built_in_set_shows_its_pictures(finished, headstart_command):
    shutil.copytree(finished / "built_in", finished / "elsewhere" / "copy")
    (finished / "elsewhere" / "copy" / "report.html").unlink()
    assert headstart_command("report", "elsewhere/copy").code == 0
    for folder in ("built_in", "elsewhere/copy"):
        assert (finished / folder / "report.html").read_text(encoding="utf-8").count("data:image/png") >= 12


def test_a_run_whose_data_changed_or_are_gone_has_no_task(finished):
    run = Run.load("own")
    assert task_of(run) is not None
    (finished / "shades" / "dark" / "0.png").unlink()
    (finished / "shades" / "dark" / "1.png").unlink()
    assert task_of(run) is None
    shutil.rmtree("shades")
    assert task_of(run) is None


CLASSIC = ("--set", "training.epochs=2", "--set", "training.batch_size=8")


def shaded(folder: Path, names: tuple[str, ...], step: int) -> str:
    """Pictures in classes of growing brightness."""
    rng = np.random.default_rng(len(names))
    for level, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(15):
            pixels = (step * level + rng.integers(0, 60, (16, 16, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return str(folder)


def at_home(tmp_path_factory, build) -> Path:
    """A folder in which something was built."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        build(home)
    return home


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained from scratch on two shades, and another task of three."""

    def build(home: Path) -> None:
        shaded(home / "two", ("dark", "light"), 150)
        shaded(home / "three", ("low", "mid", "high"), 90)
        headstart.fit(
            "two", method="fine_tune", pretrained="small_cnn", weights="none", settings={"training.epochs": 6}, test=0.2,
            out="source",
        )  # fmt: skip

    return at_home(tmp_path_factory, build)


@pytest.fixture
def source(trained, tmp_path, monkeypatch):
    """A copy of them, to work in."""
    monkeypatch.chdir(shutil.copytree(trained, tmp_path, dirs_exist_ok=True))
    return tmp_path


def continued(headstart_command, method: str, folder: str, *more: str) -> Run:
    short = () if method == "ridge" else CLASSIC
    words = ("fit", "three", "--method", method, "--pretrained", "run:source", *short, *more, "-o", folder)
    answer = headstart_command(*words)
    assert answer.code == 0, answer.err
    return Run.load(folder)


def test_a_fit_from_an_earlier_run_says_what_was_forgotten_of_its_task(source, headstart_command):
    tuned = continued(headstart_command, "fine_tune", "tuned")
    found = tuned.forgetting
    earlier = Run.load("source")
    test = task_of(earlier).test.opened_for_evaluation()
    judged = replace(earlier.model, backbone=tuned.model.backbone).predict(test)
    assert (found.source, found.num_images) == ("two", len(test))
    assert found.before.value == pytest.approx(earlier.evaluation.accuracy.value)
    assert found.after.value == pytest.approx(judged.correct.mean())
    assert found.lost.value == pytest.approx(found.before.value - found.after.value)
    assert json.loads((source / "tuned" / "result.json").read_text())["forgetting"] == found.to_dict()
    page = (source / "tuned" / "report.html").read_text(encoding="utf-8")
    assert 'id="forgetting"' in page
    assert found.sentence in page.replace("&#43;", "+")


def test_a_network_that_shows_nothing_any_more_has_forgotten_everything(source, headstart_command):
    tuned = continued(headstart_command, "fine_tune", "tuned")
    blank = tuned.model.backbone.network.copy()
    with torch.no_grad():
        for weight in blank.parameters():
            weight.zero_()
    tuned.__dict__["model"] = replace(tuned.model, backbone=blank.refreshed())
    found = forgotten_by(tuned)
    assert found.before.value > 0.9
    assert found.after.value == 0.5
    assert found.lost.value == pytest.approx(found.before.value - 0.5)


def test_nothing_is_forgotten_by_what_leaves_the_network_or_does_not_start_from_it(source, headstart_command):
    assert continued(headstart_command, "ridge", "head").forgetting is None
    assert continued(headstart_command, "fine_tune", "fresh", "--weights", "none").forgetting is None
    assert Run.load("source").forgetting is None
    assert 'id="forgetting"' not in (source / "head" / "report.html").read_text(encoding="utf-8")


def test_test_images_that_the_earlier_model_has_learned_since_measure_nothing(source, headstart_command, monkeypatch):
    tuned = continued(headstart_command, "fine_tune", "tuned")
    assert forgotten_by(tuned) is not None
    earlier = task_of(Run.load("source"))
    monkeypatch.setitem(forgotten_by.__globals__, "task_of", lambda run: replace(earlier, test_by_default=True))
    assert forgotten_by(tuned) is not None  # what is trained is not fitted again
    monkeypatch.setattr(fitting, "costs_little", lambda plan: True)
    assert forgotten_by(tuned) is None


def test_without_the_source_s_data_a_fit_goes_through_unmeasured(source, headstart_command):
    shutil.rmtree("two")
    assert continued(headstart_command, "fine_tune", "tuned").forgetting is None


def stamped(path: Path, value: int) -> str:
    """A picture unlike any shade: stripes."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[::2, :, value] = 255
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run on two shades of 15 pictures each, all learned from."""

    def build(home: Path) -> None:
        shaded(home / "train" / "train", ("dark", "light"), 150)
        headstart.fit("train", method="ridge", pretrained="pixels", out="judging")

    return at_home(tmp_path_factory, build)


@pytest.fixture
def shades(fitted, tmp_path, monkeypatch):
    """A copy of it, to work in."""
    monkeypatch.chdir(shutil.copytree(fitted, tmp_path, dirs_exist_ok=True))
    return tmp_path


def test_every_image_gets_its_best_guess_and_one_that_looks_like_no_class_is_flagged(shades):
    known = [str(shades / "train" / "train" / name / "3.png") for name in ("dark", "light")]
    rows = predict(Run.load("judging"), [*known, stamped(shades / "odd.png", 1), "gone.png"])
    assert [row.get("label") for row in rows[:2]] == ["dark", "light"]
    assert all(set(row) == {"path", "label", "probability", "probs", "unknown"} for row in rows[:3])
    assert all(row["label"] == max(row["probs"], key=row["probs"].get) for row in rows[:3])
    assert [row["unknown"]["flag"] for row in rows[:3]] == [False, False, True]
    assert rows[2]["unknown"]["p_value"] < 0.05 <= min(row["unknown"]["p_value"] for row in rows[:2])
    assert set(rows[3]) == {"path", "error"}


def test_only_refuse_takes_labels_away_and_the_best_guess_stays(shades):
    run, known = Run.load("judging"), str(shades / "train" / "train" / "dark" / "3.png")
    given = [known, stamped(shades / "odd.png", 1)]
    plain, refused = predict(run, given), predict(run, given, refuse=0.05)
    assert [row["label"] for row in refused] == ["dark", None]
    assert [row["best_guess"] for row in refused] == [row["label"] for row in plain]
    for one, other in zip(plain, refused, strict=True):
        assert {**one, "label": 0, "best_guess": 0} == {**other, "label": 0, "best_guess": 0}
    assert [row["label"] for row in predict(run, given, refuse=0)] == [row["label"] for row in plain]
    least = refused[1]["unknown"]["p_value"]
    assert predict(run, given, refuse=least)[1]["label"] == plain[1]["label"]  # below, not at
    assert predict(run, given, refuse=np.nextafter(least, 1))[1]["label"] is None


def test_an_old_run_predicts_and_refuses_to_refuse(shades, headstart_command):
    card = shades / "judging" / "model" / "model.json"
    card.write_text(json_text(json_in(card) | {"has_detector": False}), encoding="utf-8")
    odd = stamped(shades / "odd.png", 2)
    answer = headstart_command("predict", "judging", odd, "--json")
    row = json.loads(answer.out)
    assert (answer.code, row["unknown"], row["label"] in ("dark", "light")) == (0, None, True)
    assert answer.err == "No image can be flagged as unknown: the model was saved without a novelty detector.\n"
    assert headstart_command("predict", "judging", odd, "--refuse", "0").err == ""
    answer = headstart_command("predict", "judging", odd, "--refuse", "0.1")
    assert answer.code == 2
    assert answer.err == (
        "error: judging: This model was saved without a novelty detector: an earlier version fitted it, or it had too few "
        "images. Fit the run again, or leave out --refuse.\n"
    )


def test_a_share_that_is_none_is_told_and_one_too_fine_as_well(shades, headstart_command):
    odd = stamped(shades / "odd.png", 2)
    answer = headstart_command("predict", "judging", odd, "--refuse", "5")
    assert answer.code == 2
    assert answer.err == "error: refuse = 5 is not a share of images. Give 0 or more, and less than 1.\n"
    answer = headstart_command("predict", "judging", odd, "--refuse", "0.01")
    assert answer.err == "No image can be refused at 0.01: the fit had so few images that no p-value is below 0.032.\n"
    assert json.loads(headstart_command("predict", "judging", odd, "--refuse", "0.01", "--json").out)["label"] is not None


def test_a_file_of_answers_counts_the_unknown_ones(shades, headstart_command):
    odd, known = stamped(shades / "odd.png", 1), shades / "train" / "train" / "dark" / "3.png"
    answer = headstart_command("predict", "judging", odd, known, "-o", "out.csv")
    assert answer.err == "out.csv: 2 labeled, 1 flagged as perhaps unknown\n"
    answer = headstart_command("predict", "judging", odd, known, "gone.png", "--refuse", "0.05", "-o", "out.csv")
    assert answer.err == "out.csv: 1 labeled, 1 without a label, 1 flagged as perhaps unknown, 1 unreadable\n"


def test_a_run_predicts_paths_and_folders_as_promised(shades):
    run = headstart.Run.load("judging")
    rows = run.predict("train")
    assert len(rows) == 30
    (one,), (again,) = run.predict([rows[3]["path"]]), headstart.predict("judging", rows[3]["path"])
    assert one == again
    assert (one["path"], one["label"]) == (rows[3]["path"], rows[3]["label"])


def test_a_model_without_batch_normalization_is_not_adapted_at_test_time(shades, headstart_command):
    odd = stamped(shades / "odd.png", 2)
    answer = headstart_command("predict", "judging", "train", "--adapt", "batch_norm")
    assert (answer.code, answer.out) == (2, "")
    assert "normaliz" in answer.err
    answer = headstart_command("predict", "judging", odd, "--adapt", "tnt")
    assert answer.err == 'error: "tnt" is nothing that is done at test time. Did you mean "tent"? Known: batch_norm, tent.\n'


def test_images_are_predicted_by_a_model_adapted_to_them(source, headstart_command):
    places = sorted(map(str, (source / "two").rglob("*.png")))
    answer = headstart_command("predict", "source", "two", "--adapt", "batch_norm", "--json")
    assert (answer.code, answer.err) == (0, "")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert [row["path"] for row in rows] == [str(Path(place).relative_to(source)) for place in places]
    run = Run.load("source")
    images = ImageSet(FileImages(tuple(map(Path, places))), run.model.classes, np.full(len(places), -1), np.arange(len(places)))
    adapted = adapted_at_test_time(run.model, images, "batch_norm").predict(images)
    np.testing.assert_allclose([list(row["probs"].values()) for row in rows], adapted.probs)
    as_fitted = headstart.predict("source", "two")
    assert [row["unknown"] for row in rows] == [row["unknown"] for row in as_fitted]
    assert rows[0]["unknown"] is not None
    assert headstart.predict("source", "two", adapt="batch_norm") == rows
    refused = headstart.predict("source", "two", adapt="batch_norm", refuse=0.5)
    assert [row["label"] is None for row in refused] == [row["unknown"]["p_value"] < 0.5 for row in rows]
