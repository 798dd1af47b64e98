from __future__ import annotations

import numpy as np
import pytest

from headstart.evaluation.out_of_fold import evaluation_out_of_fold
from headstart.evaluation.protocols import evaluation_of


def test_intervals_are_wider_than_those_of_a_test_and_values_the_same_where_nothing_was_chosen(make_predictions):
    predictions = make_predictions(0, (31, 43, 27))
    test, judged = evaluation_of(predictions, "test"), evaluation_out_of_fold(predictions)
    assert (judged.split, judged.num_images) == ("out of fold", 101)
    assert (judged.per_class, judged.confusion) == (test.per_class, test.confusion)
    for name, plain in test.metrics.items():
        wide = judged.metrics[name]
        assert wide.value == plain.value
        assert wide.low <= plain.low
        assert wide.high >= plain.high
    accuracy = judged.accuracy
    assert accuracy.value - accuracy.low == pytest.approx(1.262 * (test.accuracy.value - test.accuracy.low), rel=2e-3)


def test_a_perfect_score_keeps_its_width(make_predictions):
    judged = evaluation_out_of_fold(make_predictions(0, (10, 10), skill=40.0))
    assert judged.accuracy.value == judged.accuracy.high == 1.0
    assert 0.7 < judged.accuracy.low < 0.85


def test_what_the_choice_added_is_taken_off_value_and_interval(make_predictions):
    first, second = make_predictions(0, (31, 43, 27)), make_predictions(0, (31, 43, 27), skill=1.4)
    both = np.stack([first.probs, second.probs[np.random.default_rng(1).permutation(101)]])
    losses = -np.log(both[:, np.arange(101), first.labels])
    plain = evaluation_out_of_fold(first)
    same = evaluation_out_of_fold(first, lambda weights: both[int((losses @ weights).argmin())], 20)
    assert same.metrics == plain.metrics
    assert same.protocol.startswith("Every one of 101 labeled images was predicted by a model that was fitted without it;")
    assert same.protocol.endswith(
        "The choice among the candidates was made on the same images: as choosing again on 20 bootstrap draws and judging on the "
        "images left out shows (BBC-CV), it changed the accuracy by nothing."
    )
    odd = evaluation_out_of_fold(first, lambda weights: both[0 if weights[0] == 1 else 1], 20)
    assert odd.accuracy.value < plain.accuracy.value - 0.2
    assert odd.accuracy.high - odd.accuracy.low == pytest.approx(plain.accuracy.high - plain.accuracy.low)
    assert odd.metrics["log_loss"].value > plain.metrics["log_loss"].value
    assert odd.protocol.endswith(" points of accuracy, which are taken off.")
    assert "shows (BBC-CV), it added " in odd.protocol
    unlucky = evaluation_out_of_fold(first, lambda weights: both[1 if weights[0] == 1 else 0], 20)
    assert unlucky.accuracy.value > evaluation_out_of_fold(second).accuracy.value - 0.5
    assert "shows (BBC-CV), it cost " in unlucky.protocol
    assert unlucky.protocol.endswith(" points of accuracy, which are given back.")


def test_plain_numbers_say_how_they_were_made(make_predictions):
    assert evaluation_out_of_fold(make_predictions(0, (13, 17))).protocol == (
        "Every one of 30 labeled images was predicted by a model that was fitted without it; the model that is kept was fitted "
        "to all labels, so that the 95% intervals are wider than those of a test of as many images."
    )
    assert evaluation_out_of_fold(make_predictions(0, (13, 17)), fitted_to="was fitted to 40 labels").protocol == (
        "Every one of 30 labeled images was predicted by a model that was fitted without it; the model that is kept was fitted "
        "to 40 labels, so that the 95% intervals are wider than those of a test of as many images."
    )
