"""Extending what consists of several models, and what is measured where no image was set aside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.core.parsing import TOML_SEAL
from headstart.data import split_assignment
from headstart.data.additions import all_of, read_addition
from headstart.evaluation.out_of_fold import SPLIT
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.kernel_head import KernelHead
from headstart.methods.model import Model
from headstart.planning.plan import Partner, Plan
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.training.settings import Training
from headstart.workflows.extend import extend, remember
from headstart.workflows.fit import fit_and_evaluate

pytestmark = pytest.mark.slow

PIXELS = {"pretrained": "pixels", "weights": "none", "input_pixels": 8}
RIDGE = {"kind": "ridge", "blocks": "penultimate"}
SMALLER = Partner(**{**PIXELS, "input_pixels": 4}, method=RIDGE)
KERNEL = Partner(**PIXELS, method={"kind": "kernel_ridge", "blocks": "penultimate"})
TRAINED = Partner(
    pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"}, fold_models=2,
    training=Training(epochs=1, batch_size=32), temperature=1.0,
)  # fmt: skip
SHARES = (0.5, 0.7, 0.3, 0.2)
WHY = "its network was trained on the old labels, so that features of these images do not show how well it predicts others"


def digits(place: Path, counts: dict[str, tuple[int, int]], skipped: int = 0) -> None:
    target = load_digits()
    for name, (digit, count) in counts.items():
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(target.target == digit)[skipped : skipped + count].tolist():
            Image.fromarray((target.images[row] * (255 / 16)).astype(np.uint8)).save(place / name / f"{row}.png")


def fitted(out: str, *partners: Partner, shares: tuple[float, ...] = (), **about: object) -> Run:
    plan = Plan(data="two", **{**PIXELS, "method": RIDGE, **about}, partners=partners, shares=shares)
    return fit_and_evaluate(headstart.read_task("two"), plan, out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four members, one of them trained, that tells eights from ones and was judged out of fold; and other digits."""
    folder = tmp_path_factory.mktemp("home")
    digits(folder / "two", {"eight": (8, 37), "one": (1, 31)})
    digits(folder / "more", {"seven": (7, 29)})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fitted("run", SMALLER, KERNEL, TRAINED, shares=SHARES)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to work in."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path, dirs_exist_ok=True))
    return tmp_path


def test_every_member_that_can_be_is_extended_and_all_predict_as_one(home: Path) -> None:
    run = Run.load("run")
    made = extend(run, "more", out=home / "extended")
    model, extension = made.model, made.extension
    assert [one.classes for one in (model, *model.partners)] == [("eight", "one", "seven")] * 3
    assert [(one.name, one.reason) for one in extension.left_out] == [("small_cnn from scratch", WHY)] * 2
    assert (
        f"3 models were solved again and predict together. Left out: 2 models of small_cnn from scratch ({WHY})."
        in extension.sentence
    )
    np.testing.assert_allclose(np.array(model.shares) / model.shares[0], np.array(SHARES[:3]) / SHARES[0])
    assert [one.method["kind"] for one in (made.plan, *made.plan.partners)] == ["ridge", "ridge", "kernel_ridge"]
    assert made.plan.shares == model.shares
    addition = read_addition("more", run.model.classes)
    every = all_of([task_of(run).labeled, addition.learn], model.classes)
    for one in (model, *model.partners):
        fit = fit_ridge(one.head.inputs(features_of(every, one.backbone)), every.labels, 3, groups=every.groups)
        assert one.temperature == fit.temperature
        again = one.head.solved(fit.weight, fit.bias)
        np.testing.assert_allclose(one.head.weight, again.weight, rtol=1e-2, atol=1e-4)
    assert len(model.partners[1].head.landmarks) == len(every)
    images = sorted(str(path) for path in (home / "more").rglob("*.png"))
    assert np.mean([row["label"] == "seven" for row in made.predict(images)]) > 0.95
    assert made.predict(images)[0]["unknown"] is not None
    model.save(home / "copy")
    np.testing.assert_array_equal(
        Model.load(home / "copy").predict(addition.held_out).probs, made.model.predict(addition.held_out).probs
    )


def test_what_is_extended_can_be_extended_again(home: Path) -> None:
    first = extend("run", "more", out=home / "first")
    digits(home / "further", {"four": (4, 23)})
    second = extend(first, "further", out=home / "second")
    assert len(second.model.partners) == 1
    said = second.extension.sentence
    assert "Left out: kernel_ridge on raw pixels (its kernel takes the old images themselves, which are gone)." in said
    assert sum(second.model.shares) == pytest.approx(sum(first.model.shares))
    assert second.extension.old.num_images == first.evaluation.num_images
    assert second.extension.old.before.value == pytest.approx(first.evaluation.accuracy.value)


def test_without_a_test_each_old_image_is_predicted_by_what_has_not_learned_it(home: Path) -> None:
    run = Run.load("run")
    made = extend(run, "more", out=home / "extended")
    old = made.extension.old
    assert old.num_images == len(run.predictions) == len(task_of(run).labeled)
    assert old.before.value == pytest.approx(run.predictions.correct.mean())
    assert "Accuracy on old classes, of images that neither model had learned, " in made.extension.sentence
    assert made.evaluation.split == SPLIT
    assert made.evaluation.num_images == old.num_images + made.extension.num_held_out
    assert made.evaluation.protocol.startswith(
        f"Every one of {made.evaluation.num_images} labeled images was predicted by a model that was fitted without it; the "
        f"model that is kept was fitted to all but the {made.extension.num_held_out} held out of more, so that "
    )


def test_labels_without_a_meaning_are_not_predicted_out_of_fold(home: Path) -> None:
    names = sorted((home / "two").rglob("*.png"))
    shutil.rmtree(home / "run")
    for place, path in enumerate(names):  # ones and eights in both classes
        path.rename(home / "two" / ("eight" if place % 2 else "one") / f"again-{path.name}")
    run = fitted("run")
    learned = run.model.predict(task_of(run).labeled)
    made = extend(run, "more", out=home / "extended")
    assert made.extension.old.num_images == len(names)
    assert made.extension.old.after.value < 0.7
    assert made.model.predict(task_of(run).labeled).correct.mean() > made.extension.old.after.value + 0.1 or (
        learned.correct.mean() < 0.7
    )


def test_a_test_by_default_is_learned_and_measures_both_models_before_that(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_assignment, "HOLDOUT_ROWS", 60)
    run = fitted("many")
    task = task_of(run)
    assert task.test_by_default
    made = extend(run, "more", out=home / "extended")
    old = made.extension.old
    assert old.num_images == len(task.test)
    assert old.before.value == pytest.approx(run.evaluation.accuracy.value)
    counts = np.bincount(np.concatenate([task.labeled.labels, task.test.opened_for_evaluation().labels]))
    assert made.task_summary.train_counts == (*counts.tolist(), made.extension.num_learned)
    unlike = made.model.predict(task.test)
    after = made.predictions.take(np.arange(len(task.test)))
    assert np.abs(unlike.probs - after.probs).max() > 1e-3  # it has learned them since


def test_from_sums_confidence_stays_and_nothing_is_flagged(home: Path) -> None:
    run = Run.load("run")
    remember(run)
    assert sorted(Run.load("run").statistics) == [0, 1]
    shutil.rmtree("two")
    made = extend(Run.load("run"), "more", out=home / "extended")
    model, extension = made.model, made.extension
    assert len(model.partners) == 1
    assert sum(model.shares) == pytest.approx(sum(run.model.shares))
    assert model.shares[1] / model.shares[0] == pytest.approx(0.7 / 0.5)
    assert model.detector_model is None
    assert extension.old is None
    assert (
        "Old classes were not measured, as the run's own images are gone or have changed: put them back to have it done. "
        "2 models were solved again and predict together. "
    ) in extension.sentence
    assert extension.sentence.endswith(
        "Left out: kernel_ridge on raw pixels (its kernel takes the old images themselves, which are gone); "
        f"2 models of small_cnn from scratch ({WHY}). "
        "Confidence stays as it was fitted to the old images, and images unlike the known ones are not flagged any more: both "
        "take the old images."
    )


def test_members_that_would_become_equal_are_one(home: Path) -> None:
    logistic = Partner(**PIXELS, method={"kind": "logistic", "blocks": "penultimate"})
    fitted("alike", logistic, SMALLER, shares=(0.2, 0.3, 0.4))
    model = extend("alike", "more", out=home / "extended").model
    assert len(model.partners) == 1
    assert model.shares[1] / model.shares[0] == pytest.approx(0.4 / 0.5)


def test_what_another_model_corrects_is_extended(home: Path) -> None:
    fitted(
        "residual",
        pretrained="small_cnn",
        method={"kind": "residual", "blocks": "stages"},
        training=Training(epochs=1),
        temperature=1.0,
    )
    made = extend("residual", "more", out=home / "extended")
    assert made.model.base is None
    assert made.plan.method == {"kind": "ridge", "blocks": "stages"}
    assert made.model.backbone.weights_hash == Run.load("residual").model.base.backbone.weights_hash


def test_images_that_a_network_was_trained_on_do_not_judge_it(home: Path) -> None:
    fitted("trained", pretrained="small_cnn", method={"kind": "fine_tune"}, training=Training(epochs=1), temperature=1.0)
    made = extend("trained", "more", out=home / "extended")
    assert made.extension.old is None
    assert (
        "Old classes were not measured: there are no images of trained that it has not learned from. " in made.extension.sentence
    )
    assert (made.evaluation.split, made.evaluation.num_images) == ("test", made.extension.num_held_out)


def test_what_has_no_member_to_extend_is_refused_with_all_reasons(home: Path) -> None:
    knn = {"kind": "knn", "blocks": "penultimate"}
    fitted("knn", Partner(**{**PIXELS, "input_pixels": 4}, method=knn), method=knn)
    with pytest.raises(PlanError) as error:
        extend("knn", "more")
    assert str(error.value) == (
        "knn cannot be extended (knn on raw pixels: a head of the kind neighbors is not solved from sums over images). "
        "Put the new images beside the old ones, and run again."
    )


def test_a_plan_that_does_not_fit_the_model_is_refused(home: Path, edited: Callable[[str, str, str], None]) -> None:
    edited("run/plan.toml", "fold_models = 2", "fold_models = 1")
    with pytest.raises(PlanError) as error:
        extend("run", "more")
    assert str(error.value) == "run: plan.toml names 4 models, and the model consists of 5. Fit the run again."


@pytest.fixture
def edited() -> Callable[[str, str, str], None]:
    """Replaces a part of a file."""

    def edit(path: str, old: str, new: str) -> None:
        text = Path(path).read_text(encoding="utf-8")
        assert old in text
        unsealed = TOML_SEAL.sub("", text)  # as earlier versions wrote it
        Path(path).write_text(unsealed.replace(old, new), encoding="utf-8")

    return edit


def test_only_images_suit_what_takes_the_images_themselves(home: Path) -> None:
    fitted("kernel", method=KERNEL.method)
    with pytest.raises(PlanError) as error:
        remember("kernel")
    assert str(error.value) == "kernel: kernel_ridge on raw pixels takes the images themselves; sums over them do not do."
    made = extend("kernel", "more", out=home / "extended")
    assert isinstance(made.model.head, KernelHead)
    assert made.extension.new.value > 0.9
    digits(home / "further", {"four": (4, 23)})
    with pytest.raises(DataError) as none:
        extend(made, "further")
    assert str(none.value) == (
        f"{home / 'extended'} was extended before, and no sums over its images could be kept. Put all images together."
    )


def test_the_plan_says_how_heads_were_solved_again_whatever_had_fitted_them(home: Path) -> None:
    fitted("logistic", method={"kind": "logistic", "blocks": "penultimate"})
    made = extend("logistic", "more", out=home / "extended")
    assert made.plan.method == {"kind": "ridge", "blocks": "penultimate"}
    assert 'kind = "ridge"' in (home / "extended" / "plan.toml").read_text(encoding="utf-8")


def test_views_of_images_are_no_images(home: Path) -> None:
    fitted("seen", method={**RIDGE, "views": 2})
    made = extend("seen", "more", out=home / "more-seen")
    learned = made.extension.num_learned
    assert made.task_summary.train_counts == (37, 31, learned)
    assert made.task_summary.num_train == 68 + learned
    assert made.plan.method == {**RIDGE, "views": 2}
    assert made.statistics[0]["counts"].tolist() == [3 * count for count in made.task_summary.train_counts]
