"""Temperature: recovery, extremes, and the loss it minimizes."""

import numpy as np
import pytest
from scipy.special import softmax

from headstart.heads.temperature import fit_temperature, fit_temperature_to, row_losses, soft_loss


def drawn(num, temperature, seed=0, num_classes=7):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(num, num_classes)) * 2
    probs = softmax(logits, axis=1)
    labels = (probs.cumsum(axis=1) > generator.random((num, 1))).argmax(axis=1)
    return logits * temperature, labels


def test_recovers_three_within_five_per_cent_from_five_hundred_rows_on_average():
    found = [fit_temperature(*drawn(500, 3.0, seed)) for seed in range(20)]
    assert np.exp(np.mean(np.log(found))) == pytest.approx(3.0, rel=0.05)


def test_is_the_minimum_of_the_losses():
    scores, labels = drawn(307, 0.4)
    best = fit_temperature(scores, labels)
    nearby = [row_losses(scores, labels, best * factor).mean() for factor in (0.8, 1.0, 1.25)]
    assert nearby[1] == min(nearby)


def test_scales_with_the_scores():
    scores, labels = drawn(101, 1.0)
    assert fit_temperature(scores * 5, labels) == pytest.approx(5 * fit_temperature(scores, labels), rel=1e-3)


def test_scores_without_a_mistake_keep_a_finite_confidence():
    labels = np.arange(20) % 2
    scores = np.where(labels[:, None] == np.arange(2), 1.0, -1.0)
    confidence = softmax(scores / fit_temperature(scores, labels), axis=1).max()
    assert 0.95 < confidence < 0.995


def test_useless_scores_give_uniform_probabilities():
    labels = np.arange(20) % 2
    scores = np.where(labels[:, None] == np.arange(2), -1.0, 1.0)
    assert fit_temperature(scores, labels) > 500


def test_large_scores_do_not_overflow():
    assert np.isfinite(fit_temperature(np.array([[1e6, -1e6], [-1e6, 1e6], [1e6, -1e6]]), np.array([0, 1, 1])))


def test_no_rows_give_one():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.int64)) == 1.0


def test_losses_of_a_hand_made_case():
    losses = row_losses(np.array([[np.log(9.0), 0.0]]), np.array([1]), 1.0)
    np.testing.assert_allclose(losses, [np.log(10)])


def test_labels_are_probabilities_of_one():
    scores, labels = drawn(101, 0.7)
    assert fit_temperature_to(scores, np.eye(7)[labels]) == pytest.approx(fit_temperature(scores, labels), rel=1e-6)
    assert soft_loss(scores, np.eye(7)[labels], 1.3) == pytest.approx(row_losses(scores, labels, 1.3).mean())


def test_the_temperature_of_probabilities_is_found_again():
    scores, _ = drawn(307, 1.0)
    assert fit_temperature_to(scores, softmax(scores / 2.5, axis=1)) == pytest.approx(2.5, rel=0.02)


def test_without_rows_it_is_one():
    assert fit_temperature_to(np.empty((0, 3)), np.empty((0, 3))) == 1.0
