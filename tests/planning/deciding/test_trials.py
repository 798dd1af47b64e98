"""The trials spends what it was given, at prices that are fixed here by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError, Stopper, stop_if_asked, stoppable
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.planning.budget import budget_of
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding import trials as module
from headstart.planning.deciding.racing import Whole
from headstart.planning.deciding.trials import Trials
from headstart.training.settings import Training


def blank_task(num_train: int, num_validation: int = 0) -> Task:
    """Rows of one pixel in three classes."""

    def rows(num: int) -> ImageSet:
        images = ArrayImages(np.zeros((num, 1, 1, 1), np.uint8), "blank", np.arange(num))
        return ImageSet(images, ("a", "b", "c"), np.arange(num) % 3, np.arange(num))

    validation = rows(num_validation) if num_validation else None
    return Task("blank", ("a", "b", "c"), rows(num_train), validation, native_pixels=1)


def predictions(task, rows, right: float = 0.5) -> Predictions:
    """Of those rows: the right class has that probability."""
    labels = task.labeled.labels[rows]
    probs = np.full((len(rows), 3), (1 - right) / 2)
    probs[np.arange(len(rows)), labels] = right
    probs += np.random.default_rng(0).uniform(0, 0.02, probs.shape)
    probs /= probs.sum(axis=1, keepdims=True)
    return Predictions(tuple(map(str, rows)), task.classes, labels, probs, probs, rows)


@pytest.fixture
def calls(monkeypatch):
    """Replaces cross-validation; holds what was fitted and to which folds. How good it is follows from its step size."""
    made = []

    def cross_validate(task, candidate, backbone, folds, steps, keep_models=False):
        stop_if_asked()
        made.append((candidate, folds))
        rows = np.concatenate([fold.held_out for fold in folds])
        facts = {"num_rows": len(rows), "num_folds": len(folds), "seconds": 10.0}
        found = predictions(task, rows, right=min(0.9, 1000 * candidate.training.lr))
        loss = float(found.log_losses.mean())
        loss = Estimate(value=loss, low=loss - 0.1, high=loss + 0.1)
        return CrossValidated(candidate, candidate.result(log_loss=loss, **facts), found)

    monkeypatch.setattr(module, "cross_validate", cross_validate)
    monkeypatch.setattr(module, "load_backbone", lambda *key, seed: object())
    return made


@pytest.fixture
def trials_at(calls, monkeypatch, tmp_path):
    """A trials over some rows, with the price of an image and of a fit in seconds."""

    def make(num_rows: int, budget: float, image: float = 0.0, fit: float = 0.0, validation: int = 0) -> Trials:
        monkeypatch.setattr(module, "seconds_an_image", lambda _: image)
        monkeypatch.setattr(module, "seconds_of_head", lambda method, num_rows, backbone: 0.0)
        monkeypatch.setattr(module, "seconds_of_fit", lambda *_: fit)
        return Trials(blank_task(num_rows, validation), Steps(tmp_path / "steps"), budget, closed_share=0.5)

    return make


def test_closed_forms_leave_time_for_their_final_fit_and_the_test(trials_at, monkeypatch, make_candidate):
    trials = trials_at(100, 1000, image=0.1)
    monkeypatch.setattr(module, "seconds_of_head", lambda method, num_rows, backbone: 2.0 if num_rows == 100 else 0.5)
    trials.task = replace(trials.task, test=trials.task.train.take(np.arange(30)))
    stopper = Stopper(deadline=time.monotonic() + 900)
    with stoppable(stopper):
        first = trials.closed_form(make_candidate())
        second = trials.closed_form(make_candidate(method={"kind": "ridge", "blocks": "penultimate"}))
    prices = [one.result.predicted_seconds for one in (first, second)]
    assert prices == pytest.approx([100 * 0.1 + 5 * 0.5 + 30 * 0.1 + 2.0, 5 * 0.5 + 2.0])
    assert stopper.kept_seconds == pytest.approx(30 * 0.1 + 2.0 + 2.0)


def test_time_is_left_for_no_more_closed_forms_than_may_be_fitted_again(trials_at, monkeypatch, make_candidate):
    trials = replace(trials_at(100, 1000, image=0.1), most_members=2)
    seconds = {"ridge": 2.0, "knn": 5.0, "logistic": 3.0}
    monkeypatch.setattr(module, "seconds_of_head", lambda method, num_rows, backbone: seconds[method["kind"]])
    trials.task = replace(trials.task, test=trials.task.train.take(np.arange(30)))
    stopper = Stopper(deadline=time.monotonic() + 900)
    with stoppable(stopper):
        for kind in seconds:
            trials.closed_form(make_candidate(method={"kind": kind}))
    assert stopper.kept_seconds == pytest.approx(5.0 + 3.0 + 30 * 0.1)


def test_time_is_left_to_train_what_stands_alone_on_all_rows(trials_at, make_candidate):
    trials = trials_at(100, 1000, fit=8.0)
    stopper = Stopper(deadline=time.monotonic() + 900)
    with stoppable(stopper):
        trials.race([tuned(make_candidate, 0.9)])
    assert stopper.kept_seconds == pytest.approx(8.0 * 100 / len(trials.task.folds[0].fit))
    many = trials_at(5003, 1000, fit=8.0)  # one fold holds rows out, and its model is the final one
    with stoppable(stopper):
        many.race([tuned(make_candidate, 0.9)])
    assert stopper.kept_seconds == 0


def rows_read(candidate, folds) -> int:
    """Rows whose features cross-validation needs."""
    rows = np.concatenate([fold.held_out for fold in folds])
    fitted = sum(min(candidate.max_rows or len(fold.fit), len(fold.fit)) for fold in folds)
    return len(rows) + (fitted if len(folds) == 1 else 0)


def tuned(make_candidate, quality: float, **about):
    """A gradient candidate whose out-of-fold probability of the right class is that."""
    return make_candidate(method={"kind": "lp_ft"}, training=Training(lr=quality / 1000), **about)


def test_features_that_the_budget_has_room_for_are_cross_validated_on_all_rows_and_folds(trials_at, calls, make_candidate):
    trials = trials_at(100, 50, image=0.25)
    validated = trials.closed_form(make_candidate())
    assert calls[0][0].max_rows is None
    assert len(calls[0][1]) == 5
    assert validated.result.predicted_seconds == trials.spent_seconds == 25


def test_features_are_paid_for_once(trials_at, make_candidate):
    trials = trials_at(100, 50, image=0.25)
    trials.closed_form(make_candidate())
    trials.closed_form(make_candidate(method={"kind": "knn"}))
    assert trials.spent_seconds == 25
    assert trials.price_of_features(make_candidate(input_pixels=128)) == 25


def test_features_that_the_budget_has_no_room_for_are_left_out_with_their_price(trials_at, calls, make_candidate):
    trials = trials_at(101, 50, image=0.25)
    validated = trials.closed_form(make_candidate())
    assert not calls
    assert (validated.result.status, validated.result.predicted_seconds) == ("skipped", 25.25)
    assert validated.result.reason == "would take about 25 s; give --minutes 2"
    assert trials.validated == [validated]


@pytest.mark.parametrize(("num_rows", "validation"), [(1000, 0), (5003, 0), (900, 101)], ids=["folds", "held out", "given"])
def test_what_must_be_tried_reads_no_more_rows_than_there_is_room_for(trials_at, calls, make_candidate, num_rows, validation):
    trials = trials_at(num_rows, num_rows, image=1.0, validation=validation)
    validated = trials.closed_form(make_candidate(), must=True)
    candidate, folds = calls[0]
    assert rows_read(candidate, folds) <= 0.5 * num_rows
    assert candidate.max_rows >= 60
    assert validated.result.predicted_seconds == pytest.approx(rows_read(candidate, folds))


def test_what_must_be_cross_validated_keeps_twenty_rows_a_class_at_any_price(trials_at, calls, make_candidate):
    trials_at(1000, 1, image=1.0).closed_form(make_candidate(), must=True)
    assert calls[0][0].max_rows == 60


def test_there_are_never_more_rows_asked_for_than_there_are(trials_at, calls, make_candidate):
    trials_at(50, 1, image=1.0).closed_form(make_candidate(), must=True)
    candidate, folds = calls[0]
    assert candidate.max_rows == len(folds[0].fit)


def test_what_is_trained_goes_on_fold_by_fold_in_turn(trials_at, calls, make_candidate):
    trials = trials_at(100, 1000, fit=1.0)
    first, second = tuned(make_candidate, 0.5), tuned(make_candidate, 0.5, input_pixels=128)
    trials.race([first, second])
    turns = [(candidate.input_pixels, len(folds)) for candidate, folds in calls]
    assert turns[:4] == [(96, 1), (128, 1), (96, 2), (128, 2)]
    assert [one.result.num_folds for one in trials.validated] == [5, 5]
    assert [one.result.reason for one in trials.validated] == ["", ""]
    assert trials.spent_seconds == sum(one.result.predicted_seconds for one in trials.validated) == 10


def test_what_is_behind_beyond_noise_stops_and_says_so(trials_at, make_candidate):
    trials = trials_at(200, 1000, fit=1.0)
    trials.race([tuned(make_candidate, 0.9), tuned(make_candidate, 0.2)])
    best, stopped = (one.result for one in trials.validated)
    assert (best.num_folds, stopped.num_folds, stopped.num_rows, stopped.status) == (5, 1, 40, "fitted")
    assert stopped.reason.startswith(f"stopped after 1 of 5 folds: behind {best.name} by 100.0 points, ")
    assert stopped.reason.endswith(" standard errors of log loss")
    assert trials.spent_seconds == 6


def test_what_falls_behind_another_s_fold_has_no_further_one(trials_at, calls, make_candidate):
    trials = trials_at(200, 1000, fit=1.0)
    trials.race([tuned(make_candidate, 0.2), tuned(make_candidate, 0.9)])
    assert [one.result.num_folds for one in trials.validated] == [1, 5]
    assert [len(folds) for _, folds in calls] == [1, 1, 2, 3, 4, 5]


def test_the_minutes_asked_for_have_room_for_the_cheapest_that_was_left_out(trials_at, monkeypatch, make_candidate):
    first, second = tuned(make_candidate, 0.5), tuned(make_candidate, 0.5, input_pixels=128)

    def raced(budget: float, wholes: dict[str, Whole]) -> Trials:
        trials = trials_at(100, budget, image=0.4)
        trials.wholes = wholes
        candidates = [first, second]
        prices = {96: 30.0, 128: 8.0 if wholes else 20.0}
        monkeypatch.setattr(module, "seconds_of_fit", lambda candidate, *_: prices[candidate.input_pixels])
        trials.closed_form(make_candidate(training=Training(lr=0.0005)))
        trials.race(candidates)
        return trials

    short = raced(81.0, {second.name: Whole(20.0, 200.0)})
    assert [one.result.num_folds for one in short.validated] == [5, 1, 1]
    assert [one.result.seconds_left_out for one in short.validated] == [0.0, 120.0, 100.0]
    assert [one.result.reason.split(": ")[-1] for one in short.validated[1:]] == [
        "would take about 120 s; give --minutes 4",
        "would take about 100 s; give --minutes 4",
    ]
    assert short.unfinished == (
        f"The budget had no room for everything. The same command with --minutes 4 goes on from here, with room for {first.name}."
    )
    assert all(one.result.num_folds > 1 for one in raced(budget_of(4), {}).validated)
    assert raced(budget_of(6), {}).unfinished == ""


def test_the_usual_budget_says_that_it_counts_predicted_work(trials_at, make_candidate):
    trials = replace(trials_at(100, 100, fit=110.0), usual=True)
    trials.race([tuned(make_candidate, 0.5)])
    assert trials.unfinished == (
        "The usual budget, 100 s of predicted work, had no room for everything. The same command with --minutes 10 goes on from "
        f"here, with room for {tuned(make_candidate, 0.5).name}."
    )


def test_a_fold_that_the_budget_has_no_room_for_is_not_begun(trials_at, make_candidate):
    trials = trials_at(100, 100, fit=40.0)
    trials.race([tuned(make_candidate, 0.5)])
    (validated,) = trials.validated
    assert validated.result.num_folds == 2
    assert validated.result.reason == "stopped after 2 of 5 folds: would take about 120 s; give --minutes 4"


def test_a_fit_that_the_budget_has_no_room_for_is_skipped_with_its_price(trials_at, calls, make_candidate):
    trials = trials_at(100, 100, fit=110.0)
    trials.race([tuned(make_candidate, 0.5)])
    (validated,) = trials.validated
    assert not calls
    assert (validated.result.status, validated.result.predicted_seconds) == ("skipped", 550)
    assert validated.result.reason == "would take about 550 s; give --minutes 10"


def test_one_held_out_fold_of_many_rows_needs_no_second_fit(trials_at):
    assert trials_at(5003, 100).many
    assert not trials_at(500, 100, validation=31).many


def test_no_more_folds_are_cross_validated_than_make_an_error_bar_small(trials_at, calls, make_candidate):
    trials_at(2000, 1000, fit=0.1).race([tuned(make_candidate, 0.5)])
    assert sum(len(fold.held_out) for fold in calls[-1][1]) == 800


@pytest.mark.parametrize(
    ("asked", "why"),
    [("interrupted", "Ctrl-C ended the trying before"), ("over", "the time was over: would take about 10 s; give --minutes 2")],
)
def test_where_trying_has_to_end_nothing_more_is_fitted(trials_at, calls, make_candidate, asked, why):
    trials = trials_at(100, 100, image=0.1, fit=7.0)
    with stoppable(Stopper(interrupted=asked == "interrupted", deadline=0.0)):
        closed = trials.closed_form(make_candidate())
        trials.race([tuned(make_candidate, 0.5)])
    assert not calls
    assert trials.stopped == asked
    assert closed.result.reason == why
    assert [one.result.status for one in trials.validated] == ["skipped", "skipped"]


@pytest.mark.parametrize("minutes", [1, 3])
def test_more_minutes_are_asked_for_than_those_that_are_over(trials_at, make_candidate, minutes):
    trials = trials_at(100, budget_of(minutes), image=0.1)
    with stoppable(Stopper(deadline=0.0)):
        trials.closed_form(make_candidate())
    assert trials.unfinished == (
        f"The time was over before everything was tried. The same command with --minutes {minutes + 1} goes on from here, with "
        f"room for {make_candidate().name}."
    )


def test_a_fold_that_was_cut_leaves_those_before_it_as_evidence(trials_at, calls, monkeypatch, make_candidate):
    trials = trials_at(100, 1000, fit=7.0)
    fit = module.cross_validate

    def cut(task, candidate, backbone, folds, steps, keep_models=False):
        if len(folds) == 3:
            raise StoppedError("interrupted")
        return fit(task, candidate, backbone, folds, steps)

    monkeypatch.setattr(module, "cross_validate", cut)
    trials.race([tuned(make_candidate, 0.5)])
    (validated,) = trials.validated
    assert (validated.result.status, validated.result.num_folds) == ("fitted", 2)
    assert validated.result.reason == "stopped after 2 of 5 folds: Ctrl-C ended the trying before"


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


@pytest.mark.parametrize(("budget", "rows"), [(0, 3000), (25, 8000), (1000, None)])
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


def test_what_nothing_else_asks_for_goes_to_closed_forms_that_were_left_out(trials_at, make_candidate):
    trials = trials_at(100, 50, image=0.3)
    first = trials.closed_form(make_candidate())
    assert first.result.status == "skipped"
    assert first.result.reason == "would take about 30 s; give --minutes 2"
    trials.spend_the_rest()
    (again,) = trials.validated
    assert (again.result.status, trials.spent_seconds, trials.unfinished) == ("fitted", 30, "")


def test_what_the_rest_has_no_room_for_says_what_it_would_take_as_before(trials_at, make_candidate):
    trials = trials_at(100, 50, image=0.6)
    trials.spent_seconds = 10.0
    assert trials.closed_form(make_candidate()).result.reason == "would take about 60 s; give --minutes 3"
    trials.spend_the_rest()
    assert [one.result.reason for one in trials.validated] == ["would take about 60 s; give --minutes 3"]
