from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.predictions import Predictions
from headstart.evaluation.intervals import bootstrap_weights
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics import all_metrics, metrics_of
from headstart.evaluation.selection_bias import draws_for, selection_bias


def lucky(seed: int, num_candidates: int, num_rows: int = 89) -> tuple[Predictions, np.ndarray]:
    """Candidates that guess at random: their probabilities [candidate, sample, class], and the labels as predictions."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num_rows)
    probs = softmax(rng.normal(size=(num_candidates, num_rows, 3)), axis=2)
    names = tuple(f"image-{row}.png" for row in range(num_rows))
    return Predictions(names, ("a", "b", "c"), labels, probs[0], probs[0], np.arange(num_rows)), probs


def lowest_loss(predictions: Predictions, probs: np.ndarray):
    losses = -np.log(probs[:, np.arange(len(predictions)), predictions.labels])
    return lambda weights: probs[int((losses @ weights).argmin())]


def test_what_guesses_at_random_is_found_out():
    """The best of 20 guessers looks better than a third; corrected, it is within noise of what all of them are."""
    plain, corrected, losses = [], [], []
    for seed in range(40):
        predictions, probs = lucky(seed, 20)
        select = lowest_loss(predictions, probs)
        best = metrics_of(LabeledPredictions(replace(predictions, probs=select(np.ones(89)))), ("accuracy", "log_loss"))
        bias = selection_bias(predictions, select, 60)
        plain.append(best["accuracy"].value)
        corrected.append(best["accuracy"].value - bias["accuracy"])
        losses.append((best["log_loss"].value, best["log_loss"].value - bias["log_loss"]))
    error = np.std(corrected) / np.sqrt(40)
    assert np.mean(plain) > 1 / 3 + 0.04
    assert abs(np.mean(corrected) - 1 / 3) < 3 * error < 0.03
    expected = np.mean([-np.log(softmax(np.random.default_rng(5).normal(size=(9_999, 3)), axis=1)[:, 0]).mean()])
    before, after = np.mean(losses, axis=0)
    assert before < expected - 0.05
    assert abs(after - expected) < 0.03


def test_a_choice_that_does_not_depend_on_the_rows_adds_nothing():
    predictions, probs = lucky(3, 4)
    assert set(selection_bias(predictions, lambda _: probs[2], 20).values()) == {0.0}
    clear = np.full((3, 89, 3), 0.1)
    clear[1, np.arange(89), predictions.labels] = 0.8
    assert set(selection_bias(predictions, lowest_loss(predictions, clear), 20).values()) == {0.0}


def test_groups_are_drawn_whole():
    predictions, probs = lucky(1, 5)
    predictions = replace(predictions, groups=np.arange(89) // 4)
    seen = []

    def select(weights):
        seen.append(weights)
        return probs[0]

    selection_bias(predictions, select, 10)
    assert all(len(set(weights[predictions.groups == group])) == 1 for weights in seen for group in range(22))
    assert len(seen) == 11


@pytest.mark.parametrize("name", sorted(set(all_metrics()) - {"ece_before_temperature"}))
def test_values_by_weights_are_those_of_rows_repeated_as_often(name, make_predictions):
    predictions = make_predictions(2, (23, 11, 37))
    predictions = replace(predictions, probs=np.round(predictions.probs, 2) + 1e-3)
    weights = next(bootstrap_weights(predictions.groups, predictions.labels, 3, np.random.default_rng(0)))
    metric, labeled = all_metrics()[name], LabeledPredictions(predictions)
    everything = metric.values(labeled, np.ones((1, 71)))
    assert everything is not None
    if name != "ece":  # is cut off at zero where it is an estimate
        assert everything[0] == pytest.approx(metric.estimate(labeled).value)
    if name == "ece":  # its bins are those of all rows
        return
    for drawn, value in zip(weights, metric.values(labeled, weights), strict=True):
        repeated = predictions.take(np.repeat(np.arange(71), drawn.astype(int)))
        repeated = replace(repeated, groups=np.arange(71))
        assert value == pytest.approx(metric.estimate(LabeledPredictions(repeated)).value)


def test_draws_are_fewer_where_each_is_costly():
    assert [draws_for(number) for number in (0, 200_000, 1_000_000, 10**9)] == [200, 200, 80, 40]
