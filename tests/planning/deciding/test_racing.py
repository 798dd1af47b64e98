"""Whose turn it is among candidates that are fitted fold by fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.racing import Race, Whole, next_in_turn
from headstart.planning.left_out import Price
from headstart.training.settings import Training

NUM_FOLDS, NUM_ROWS = 5, 30


@pytest.fixture
def fitted(make_candidate, make_predictions):
    """A candidate whose right answers have that margin on average, with noise of its own, on the rows of so many folds."""

    def make(margin: float, noise: float = 0.1, num_folds: int = NUM_FOLDS, **about: object) -> CrossValidated:
        margins = margin + noise * np.random.default_rng(7).normal(size=NUM_ROWS * NUM_FOLDS)
        predictions = make_predictions(margins[: NUM_ROWS * num_folds])
        loss = float(predictions.log_losses.mean())
        candidate = make_candidate(**about)
        facts = {"num_rows": len(predictions), "num_folds": num_folds}
        loss_range = Estimate(value=loss, low=loss, high=loss)
        return CrossValidated(candidate, candidate.result(log_loss=loss_range, **facts), predictions)

    return make


@pytest.fixture
def race(fitted):
    """A candidate in the race, with so many folds done."""

    def make(network: str, *quality: float, num_folds: int = 1, price: float = 1.0, whole: Whole | None = None) -> Race:
        about = {"pretrained": network, "method": {"kind": "lp_ft"}, "training": Training()}
        one = fitted(*quality, num_folds=max(num_folds, 1), **about)
        return Race(one.candidate, (None,) * NUM_FOLDS, price, whole, one if num_folds else None)

    return make


def next_network(entries: list[Race], others: list[CrossValidated]) -> str | None:
    found = next_in_turn(entries, others)
    return found.candidate.pretrained if found else None


def test_each_has_its_first_fold_in_their_order_before_one_has_its_second(race, fitted):
    entries = [race("leads", 3.0), race("first", 1.0, num_folds=0), race("second", 1.0, num_folds=0)]
    assert next_network(entries, [fitted(1.0)]) == "first"


def test_the_next_fold_goes_to_what_is_ahead_of_the_best_and_not_to_what_is_hopeless(race, fitted):
    entries = [race("hopeless", -2.0), race("leads", 2.0), race("near", 0.9)]
    assert next_network(entries, [fitted(1.0)]) == "leads"
    assert next_network([*entries[:1], entries[2]], [fitted(1.0)]) == "near"


def test_of_two_that_are_as_far_behind_the_less_certain_has_more_to_win(race, fitted):
    sure, unsure = race("sure", 0.5), race("unsure", 1.0, 1.2)
    best = [fitted(0.6)]
    assert sure.most_gained(best) < 0 < unsure.most_gained(best)
    assert next_network([sure, unsure], best) == "unsure"


def test_of_equals_the_one_with_fewer_folds_comes_first(race, fitted):
    entries = [race("two", 1.0, 0.0, num_folds=2), race("one", 1.0, 0.0)]
    assert next_network(entries, [fitted(1.0, 0.0)]) == "one"


def test_a_rival_counts_before_anything_else_was_fitted(race):
    entries = [race("behind", 0.5), race("ahead", 2.0)]
    assert next_network(entries, []) == "ahead"


def test_what_is_done_or_has_stopped_has_no_turn(race, fitted):
    entries = [race("done", 2.0, num_folds=NUM_FOLDS), replace(race("stopped", 2.0), reason="behind")]
    assert next_network(entries, [fitted(1.0)]) is None


def test_folds_before_one_that_broke_down_stay_as_evidence(race):
    entry = race("net", 1.0, num_folds=2)
    result = entry.candidate.result(status="failed", reason="loss became nan. Lower training.lr.")
    broken = CrossValidated(entry.candidate, result)
    entry.take(broken)
    result = entry.concluded().result
    assert (result.status, result.num_folds, result.num_rows) == ("fitted", 2, 2 * NUM_ROWS)
    assert result.reason == "stopped after 2 of 5 folds: fold 3 broke down: loss became nan. Lower training.lr"
    first = race("net", 1.0, num_folds=0)
    first.take(broken)
    assert first.concluded().result.status == "failed"


def test_what_is_left_is_the_whole_where_a_larger_budget_trains_longer(race):
    assert race("net", 1.0, num_folds=2, price=7.0).left == Price(21.0)
    assert race("net", 1.0, num_folds=2, price=7.0, whole=Whole(10.0, 90.0)).left == Price(50.0, 90.0, 14.0)


def test_of_a_fold_that_time_ended_what_was_spent_counts_and_no_more(race):
    ended = race("net", 1.0, num_folds=1, price=8.0)
    ended.steps_left_seconds, ended.reason, ended.left_out = 6.0, "the time was over", True
    result = ended.concluded().result
    assert (result.predicted_seconds, result.seconds_left_out) == (2.0, 38.0)
    ended.whole = Whole(10.0, 90.0)
    assert ended.left == Price(50.0, 90.0, 2.0)
