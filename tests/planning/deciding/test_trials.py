"""The trials spends what it was given, at prices that are fixed here by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding import trials as module
from headstart.planning.deciding.trials import Trials


def blank_task(num_train: int, num_validation: int = 0) -> Task:
    """Rows of one pixel in three classes."""

    def rows(num: int) -> ImageSet:
        images = ArrayImages(np.zeros((num, 1, 1, 1), np.uint8), "blank", np.arange(num))
        return ImageSet(images, ("a", "b", "c"), np.arange(num) % 3, np.arange(num))

    validation = rows(num_validation) if num_validation else None
    return Task("blank", ("a", "b", "c"), rows(num_train), validation, native_pixels=1)


@pytest.fixture
def calls(monkeypatch):
    """Replaces measuring and cross-validation; holds what was fitted and to which folds."""
    made = []

    def cross_validate(task, candidate, backbone, folds, steps):
        made.append((candidate, folds))
        facts = {"accuracy": Estimate(value=0.5, low=0.4, high=0.6), "num_folds": len(folds), "seconds": 10.0}
        return CrossValidated(candidate, candidate.result(**facts))

    monkeypatch.setattr(module, "cross_validate", cross_validate)
    monkeypatch.setattr(module, "load_backbone", lambda *key, seed: object())
    monkeypatch.setattr(module, "MARGIN", 1.0)
    return made


@pytest.fixture
def trials_at(calls, monkeypatch, tmp_path):
    """A trials over some rows, with the price of an image and of a fit in seconds."""

    def make(num_rows: int, budget: float, image: float = 0.0, fit: float = 0.0, validation: int = 0) -> Trials:
        monkeypatch.setattr(module, "seconds_per_image", lambda *_: image)
        monkeypatch.setattr(module, "seconds_of_features", lambda backbone, task, steps, method: image * len(task.labeled))
        monkeypatch.setattr(module, "seconds_of_fit", lambda *_: fit)
        return Trials(blank_task(num_rows, validation), Steps(tmp_path / "steps"), budget)

    return make


def rows_read(candidate, folds) -> int:
    """Rows whose features cross-validation needs."""
    rows = np.concatenate([fold.held_out for fold in folds])
    fitted = sum(min(candidate.max_rows or len(fold.fit), len(fold.fit)) for fold in folds)
    return len(rows) + (fitted if len(folds) == 1 else 0)


def test_features_within_their_share_are_cross_validated_on_all_rows_and_folds(trials_at, calls, make_candidate):
    validated = trials_at(100, 100, image=0.25).closed_form(make_candidate(), 0.25, must=False)
    assert calls[0][0].max_rows is None
    assert len(calls[0][1]) == 5
    assert validated.result.predicted_seconds == 25


def test_features_over_their_share_are_left_out(trials_at, calls, make_candidate):
    trials = trials_at(101, 100, image=0.25)
    validated = trials.closed_form(make_candidate(), 0.25, must=False)
    assert not calls
    assert (validated.result.status, validated.result.predicted_seconds) == ("skipped", 25.25)
    assert validated.result.reason == "features of all rows would take 25 s of its 25 s"
    assert trials.validated == [validated]


@pytest.mark.parametrize(("num_rows", "validation"), [(1000, 0), (5003, 0), (900, 101)], ids=["folds", "held out", "given"])
def test_what_must_be_tried_reads_no_more_rows_than_its_share_pays_for(trials_at, calls, make_candidate, num_rows, validation):
    trials = trials_at(num_rows, num_rows, image=1.0, validation=validation)
    validated = trials.closed_form(make_candidate(), 0.7, must=True)
    candidate, folds = calls[0]
    assert rows_read(candidate, folds) <= 0.7 * num_rows
    assert candidate.max_rows >= 60
    assert validated.result.predicted_seconds == rows_read(candidate, folds)


def test_what_must_be_cross_validated_keeps_twenty_rows_a_class_at_any_price(trials_at, calls, make_candidate):
    trials_at(1000, 1, image=1.0).closed_form(make_candidate(), 0.5, must=True)
    assert calls[0][0].max_rows == 60


def test_there_are_never_more_rows_asked_for_than_there_are(trials_at, calls, make_candidate):
    trials_at(50, 1, image=1.0).closed_form(make_candidate(), 0.5, must=True)
    candidate, folds = calls[0]
    assert candidate.max_rows == len(folds[0].fit)


def test_many_rows_leave_more_for_training_from_scratch(trials_at):
    assert trials_at(4999, 1).shares == module.USUAL_SHARES
    assert trials_at(5000, 1).shares == module.MANY_SHARES


def test_what_was_cross_validated_and_ranked_is_off_the_budget(trials_at, make_candidate):
    trials = trials_at(100, 100)
    trials.spent_before = 7.0
    trials.closed_form(make_candidate(), 0.25, must=True)
    assert (trials.spent_seconds, trials.remaining_seconds) == (17.0, 83.0)


@pytest.mark.parametrize(
    ("fit", "epochs", "num_folds"),
    [(9.9, 8, 5), (10.0, 8, 5), (10.1, 8, 4), (19.0, 8, 2), (30.0, 8, 1), (31.0, 6, 1), (41.0, 4, 1), (60.0, 4, 1)],
)
def test_folds_then_epochs_are_cut_to_pay_for_all_fits(trials_at, calls, make_candidate, fit, epochs, num_folds):
    validated = trials_at(100, 100, fit=fit).gradient(make_candidate(method={"kind": "lp_ft"}), share=0.6)
    candidate, folds = calls[0]
    assert (candidate.training.epochs, len(folds), candidate.max_rows) == (epochs, num_folds, None)
    assert validated.result.predicted_seconds == pytest.approx(fit * epochs / 8 * num_folds)
    assert validated.result.predicted_seconds + fit * epochs / 8 <= 60 + 1e-9


def test_then_rows_are_halved_to_a_quarter(trials_at, calls, make_candidate):
    trials_at(100, 100, fit=120.0).gradient(make_candidate(method={"kind": "lp_ft"}), share=0.6)
    candidate, folds = calls[0]
    assert (candidate.training.epochs, candidate.max_rows, len(folds)) == (4, 39, 1)


def test_a_fit_that_cannot_be_paid_for_is_skipped_and_says_so(trials_at, calls, make_candidate):
    validated = trials_at(100, 100, fit=250.0).gradient(make_candidate(method={"kind": "lp_ft"}), share=0.6)
    assert not calls
    assert validated.result.status == "skipped"
    assert validated.result.reason == "one fit would take about 250 s, and 60 s are left for it; give --minutes more"


def test_an_overdrawn_budget_pays_for_nothing(trials_at, calls, make_candidate):
    trials = trials_at(100, 100, fit=0.001)
    trials.spent_before = 120.0
    validated = trials.gradient(make_candidate(method={"kind": "lp_ft"}))
    assert validated.result.reason == "too little time is left for it; give --minutes more"


def test_one_held_out_fold_of_many_rows_needs_no_second_fit(trials_at, calls, make_candidate):
    trials = trials_at(5003, 100, fit=60.0)
    assert not trials.refits
    trials.gradient(make_candidate(method={"kind": "lp_ft"}), share=0.6)
    assert calls[0][0].training.epochs == 8
    assert trials_at(500, 100, validation=31).refits


def test_no_more_folds_are_cross_validated_than_make_an_error_bar_small(trials_at, calls, make_candidate):
    trials_at(2000, 1000, fit=0.1).gradient(make_candidate(method={"kind": "lp_ft"}))
    assert sum(len(fold.held_out) for fold in calls[0][1]) == 800


@pytest.mark.parametrize(("rows", "most", "kept", "expected"), [(100, 200, 5, 100), (100, 70, 5, 70), (100, 200, 1, 100)])
def test_the_curve_sees_cross_validated_rows_up_to_a_number(trials_at, monkeypatch, make_candidate, rows, most, kept, expected):
    monkeypatch.setattr(module, "features_of", lambda part, backbone: len(part))
    trials = trials_at(rows, 1)
    candidate = make_candidate()
    number, part = trials.features_for_curve(CrossValidated(candidate, candidate.result(num_folds=kept)), most)
    assert number == len(part) == expected


def test_the_curve_of_a_candidate_on_fewer_rows_sees_held_out_rows_alone(trials_at, monkeypatch, make_candidate):
    monkeypatch.setattr(module, "features_of", lambda part, backbone: None)
    trials = trials_at(100, 1)
    candidate = make_candidate(max_rows=30)
    _, part = trials.features_for_curve(CrossValidated(candidate, candidate.result(num_folds=1)), 200)
    held = trials.task.labeled.take(trials.task.folds[0].held_out)
    assert [part.images.name(row) for row in range(len(part))] == [held.images.name(row) for row in range(len(held))]


def test_weights_follow_from_the_family_and_the_backbone_is_loaded_once(trials_at, monkeypatch):
    loaded = []
    monkeypatch.setattr(module, "load_backbone", lambda *key, seed: loaded.append((key, seed)))
    trials = replace(trials_at(100, 1), weights="mine.pth")
    transfer = trials.candidate("transfer", "efficientnet_lite0", {"kind": "knn"})
    baseline = trials.candidate("baseline", "efficientnet_lite0", {"kind": "knn"}, pixels=128)
    assert (transfer.weights, transfer.input_pixels) == ("mine.pth", 96)
    assert (baseline.weights, baseline.input_pixels) == ("none", 128)
    for candidate in (transfer, baseline, transfer):
        trials.backbone(candidate)
    assert loaded == [(("efficientnet_lite0", "mine.pth", 96), 0), (("efficientnet_lite0", "none", 128), 0)]


def test_the_class_shares_are_cross_validated_without_a_network(tmp_path):
    trials = Trials(blank_task(31), Steps(tmp_path), 60)
    validated = trials.chance()
    assert (validated.result.family, validated.result.num_rows) == ("chance", 31)
    assert trials.skip(validated.candidate, "no need").result.reason == "no need"
    assert len(trials.validated) == 2


@pytest.mark.parametrize(("budget", "rows"), [(15, 3000), (70, 8000), (1000, None)])
def test_time_left_buys_rows_for_the_final_fit_of_a_closed_form(trials_at, make_candidate, budget, rows):
    trials = trials_at(17_000, budget, image=0.005)
    candidate = make_candidate(max_rows=3000)
    validated = CrossValidated(candidate, candidate.result(seconds=10.0))
    trials.validated.append(validated)
    assert trials.final_rows(validated) == rows


def test_a_closed_form_cross_validated_on_all_rows_is_fitted_on_all(trials_at, make_candidate):
    candidate = make_candidate()
    assert trials_at(100, 1).final_rows(CrossValidated(candidate, candidate.result(seconds=10.0))) is None


def test_features_and_fits_that_cost_nothing_allow_all_rows(trials_at, make_candidate):
    candidate = make_candidate(max_rows=30)
    assert trials_at(100, 10, image=0.0).final_rows(CrossValidated(candidate, candidate.result(seconds=0.0))) is None
