"""What is decided does not depend on where works run: folds, races, searches and final models come out equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import TrainingError
from headstart.core.executing import InProcess, executing_on, executor
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.cross_validation import begin_folds, cross_validate, drop_folds, fold_model
from headstart.planning.deciding.racing import Race, affordable_folds
from headstart.planning.deciding.trials import Trials
from headstart.planning.fitting import fitted_to
from headstart.planning.improving import search
from headstart.planning.plan import Plan
from headstart.training.settings import Training

TRAINING = Training(epochs=2, batch_size=16, lr=3e-3, ema=0.5)


@pytest.fixture
def small_cnn(make_candidate):
    return make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}, input_pixels=8, training=TRAINING)


@pytest.fixture
def backbone():
    return load_backbone("small_cnn", "none", 8)


def in_one_process(call):
    with executing_on(InProcess()):
        return call()


def test_folds_that_run_elsewhere_predict_the_same_and_are_not_run_again(pictures, small_cnn, backbone, tmp_path, elsewhere):
    def validated(name):
        return cross_validate(pictures, small_cnn, backbone, pictures.folds, Steps(tmp_path / name), keep_models=True)

    here, away = in_one_process(lambda: validated("here")), validated("away")
    np.testing.assert_array_equal(here.predictions.probs, away.predictions.probs)
    assert here.predictions.names == away.predictions.names
    assert here.temperature == away.temperature
    assert elsewhere.ran == [f"{small_cnn.own_name}, fold {number} of 5" for number in range(1, 6)]
    assert len(elsewhere.ran) == 5
    validated("away")
    assert len(elsewhere.ran) == 5
    first = fold_model(pictures, small_cnn, backbone, 0, Steps(tmp_path / "away"))
    again = fold_model(pictures, small_cnn, backbone, 0, Steps(tmp_path / "here"))
    np.testing.assert_array_equal(first.predict(pictures.train).probs, again.predict(pictures.train).probs)
    assert len(elsewhere.ran) == 5


def test_closed_forms_are_fitted_where_their_features_are(pictures, make_candidate, tmp_path, elsewhere):
    ridge = make_candidate("baseline", "pixels", method={"kind": "ridge", "blocks": "penultimate"}, input_pixels=8)
    pixels = load_backbone("pixels", "none", 8)
    begin_folds(pictures, ridge, pixels, range(5), Steps(tmp_path), keep_models=True)
    assert not executor().started
    cross_validate(pictures, ridge, pixels, pictures.folds, Steps(tmp_path))
    assert elsewhere.ran == []


def test_a_final_model_that_is_trained_elsewhere_is_the_same(pictures, small_cnn, backbone, tmp_path, elsewhere):
    rows = np.arange(40)

    def model(name):
        return fitted_to(pictures, rows, small_cnn, backbone, tmp_path / name / "workspace", Steps(tmp_path / name))

    here, away = in_one_process(lambda: model("here")), model("away")
    np.testing.assert_array_equal(here.predict(pictures.train).probs, away.predict(pictures.train).probs)
    assert len(elsewhere.ran) == 1
    model("away")
    assert len(elsewhere.ran) == 1


def test_folds_that_are_begun_are_those_that_the_race_runs_and_others_are_cancelled(
    pictures, small_cnn, backbone, tmp_path, elsewhere
):
    steps = Steps(tmp_path)
    begin_folds(pictures, small_cnn, backbone, range(3), steps, keep_models=True)
    assert len(executor().started) == 3
    cross_validate(pictures, small_cnn, backbone, pictures.folds[:1], steps, keep_models=True)
    assert len(executor().started) == 2
    drop_folds(pictures, small_cnn, backbone, steps)
    assert not executor().started
    assert len(elsewhere.cancelled) == 2


def test_first_folds_are_begun_first_as_far_as_the_budget_goes(pictures, make_candidate):
    first, second = (
        make_candidate("scratch", "small_cnn", method={"kind": kind}, input_pixels=8) for kind in ("fine_tune", "l2_sp")
    )
    entries = [Race(first, pictures.folds[:3], 10.0), Race(second, pictures.folds[:2], 4.0)]
    begun = [(entry.candidate.method["kind"], index) for entry, index in affordable_folds(entries, 29.0)]
    assert begun == [("fine_tune", 0), ("l2_sp", 0), ("fine_tune", 1), ("l2_sp", 1)]


def test_a_race_ends_as_in_one_process_and_leaves_nothing_begun(pictures, small_cnn, tmp_path, elsewhere):
    other = small_cnn.model_copy(update={"training": TRAINING.model_copy(update={"lr": 1e-5})})

    def results(name):
        trials = Trials(pictures, Steps(tmp_path / name), 10_000.0)
        trials.chance()
        trials.race([small_cnn, other.model_copy(update={"method": {"kind": "l2_sp"}})])
        return [one.result.model_copy(update={"seconds": 0.0}) for one in trials.validated]

    assert in_one_process(lambda: results("here")) == results("away")
    assert not executor().started


def test_a_candidate_that_ends_every_process_fails_and_is_tried_again_in_the_next_run(
    pictures, small_cnn, backbone, tmp_path, elsewhere, monkeypatch
):
    def crashes(work):
        raise TrainingError(f"{work.name} ended its process 3 times, the last time with: out of memory.")

    steps = Steps(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "submit", crashes)
        failed = cross_validate(pictures, small_cnn, backbone, pictures.folds[:1], steps)
    assert failed.result.status == "failed"
    assert "ended its process 3 times" in failed.result.reason
    assert cross_validate(pictures, small_cnn, backbone, pictures.folds[:1], steps).predictions is not None


def test_networks_that_are_adapted_elsewhere_predict_the_same(pictures, backbone, tmp_path, elsewhere):
    unlabeled = ImageSet(
        ArrayImages(np.minimum(pictures.train.images.pixels, 225) + 30, "brighter", np.arange(43)),
        pictures.classes, np.full(43, UNLABELED), np.arange(43), domains=("target",) * 43,
    )  # fmt: skip
    source = replace(pictures.train, domains=("source",) * 43)
    task = Task("squares", pictures.classes, pictures.train.take([]), unlabeled=unlabeled, source=source, native_pixels=8)

    def adapted(name):
        return adaptation_to(
            task,
            backbone,
            methods=["source_only", "coral", "mcc", "jan"],
            minutes=60,
            steps=Steps(tmp_path / name),
            training=TRAINING,
        )

    def probabilities(name):
        found = sorted((tmp_path / name).glob("adapted-*/probs.npz"))
        return {path.parent.name: np.load(path)["target"] for path in found}

    here, away = in_one_process(lambda: adapted("here")), adapted("away")
    assert elsewhere.ran == ["adapting by jan", "adapting by mcc"]
    assert here.chosen == away.chosen
    first, second = probabilities("here"), probabilities("away")
    assert first.keys() == second.keys()
    for name, probs in first.items():
        np.testing.assert_array_equal(probs, second[name])


@pytest.mark.slow
def test_a_search_finds_the_same_as_one_process_that_suggests_as_many_at_once(pictures, tmp_path, elsewhere):
    task = replace(pictures, place="squares")
    plan = Plan(
        data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"}, training=TRAINING
    )
    fixed = ("training.epochs", "training.mix", "training.balance", "training.batch_size")

    def found(name, at_once):
        made = search.search(task, plan, tmp_path / name, trials=4, at_once=at_once, fixed=fixed)
        return [trial.model_copy(update={"seconds": 0.0}) for trial in made.trials], made.plan

    here, away = in_one_process(lambda: found("here", 2)), found("away", 2)
    assert here == away
    assert elsewhere.ran
    assert not executor().started
    assert in_one_process(lambda: found("alone", 1))[0][:2] == here[0][:2]


def test_as_many_trials_are_suggested_at_once_as_keep_the_workers_busy(pictures, monkeypatch, elsewhere):
    assert in_one_process(lambda: search.usual_at_once(pictures)) == 1
    assert search.usual_at_once(pictures) == 1
    monkeypatch.setattr(type(elsewhere), "num_workers", 17)
    assert search.usual_at_once(pictures) == 3
