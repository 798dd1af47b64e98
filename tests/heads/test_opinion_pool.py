"""The weights of an ensemble: the minimum of a convex objective, pulled to what is expected where rows are few."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from headstart.heads.opinion_pool import Prior, fit_weights
from headstart.heads.temperature import fit_temperature


def drawn(num, temperature, seed=0, num_classes=7):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(num, num_classes)) * 2
    probs = softmax(logits, axis=1)
    labels = (probs.cumsum(axis=1) > generator.random((num, 1))).argmax(axis=1)
    return logits * temperature, labels


def test_weights_are_those_that_made_the_labels():
    generator = np.random.default_rng(3)
    logs = log_softmax(generator.normal(size=(2, 20_000, 5)) * 2, axis=2)
    probs = softmax(1.3 * logs[0] + 0.4 * logs[1], axis=1)
    labels = (probs.cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    assert fit_weights(logs, labels) == pytest.approx((1.3, 0.4), abs=0.05)


def test_weights_of_one_model_are_its_inverse_temperature():
    scores, labels = drawn(307, 2.5)
    assert fit_weights(log_softmax(scores, axis=1)[None], labels)[0] == pytest.approx(
        1 / fit_temperature(scores, labels), rel=1e-3
    )


def test_a_model_that_misleads_counts_nothing():
    scores, labels = drawn(503, 1.0)
    away = np.where(np.arange(7) == labels[:, None], -3.0, 0.0)
    logs = np.stack([log_softmax(scores, axis=1), log_softmax(away, axis=1)])
    assert fit_weights(logs, labels)[1] == 0.0


def test_without_rows_all_count_alike():
    assert fit_weights(np.zeros((4, 0, 3)), np.zeros(0, np.int64)) == (0.25, 0.25, 0.25, 0.25)


def normal(*mean: float, std: float = 0.2) -> Prior:
    return Prior(np.array(mean), np.full(len(mean), std))


def test_without_rows_the_prior_stands():
    assert fit_weights(np.zeros((3, 0, 3)), np.zeros(0, np.int64), normal(0.5, 0.5, 0.0)) == (0.5, 0.5, 0.0)


def test_few_rows_stay_near_the_prior_and_many_leave_it():
    scores, labels = drawn(20_011, 1.0)
    logs = np.stack([log_softmax(scores, axis=1), log_softmax(scores[::-1], axis=1)])
    near = fit_weights(logs[:, :3], labels[:3], normal(0.2, 0.8))
    far = fit_weights(logs, labels, normal(0.2, 0.8))
    assert np.abs(np.array(near) - (0.2, 0.8)).max() < 0.15
    assert far == pytest.approx((1.0, 0.0), abs=0.05)


def test_the_prior_is_the_normal_density_of_each_weight():
    scores, labels = drawn(53, 2.0)
    logs = log_softmax(scores, axis=1)[None]
    found = fit_weights(logs, labels, normal(1.0, std=0.15))[0]
    smoothing = 1 / 54

    def objective(weight):
        values = weight * logs[0]
        normalizers = np.log(np.exp(values).sum(axis=1))
        picked = (1 - smoothing) * values[np.arange(53), labels] + smoothing * values.mean(axis=1)
        return (normalizers - picked).sum() + (weight - 1.0) ** 2 / (2 * 0.15**2)

    nearby = [objective(found + step) for step in (-1e-3, 0.0, 1e-3)]
    assert nearby[1] == min(nearby)


def test_a_row_that_counts_twice_is_as_two_rows():
    scores, labels = drawn(41, 1.5)
    logs = np.stack([log_softmax(scores, axis=1), log_softmax(scores**3, axis=1)])
    counts = np.random.default_rng(1).integers(0, 4, 41)
    rows = np.repeat(np.arange(41), counts)
    weighted = fit_weights(logs, labels, normal(0.5, 0.5), counts)
    assert weighted == pytest.approx(fit_weights(logs[:, rows], labels[rows], normal(0.5, 0.5)), abs=1e-4)
