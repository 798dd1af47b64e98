from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.shift.label_shift import (
    calibration,
    class_shares,
    confused_shares,
    likely_shares,
    matching_factors,
    mixture_shares,
)


def test_shares_by_hand():
    labels = np.array([0, 2, 2, 0, 2])
    assert class_shares(labels, 4).tolist() == [0.4, 0.0, 0.6, 0.0]
    assert class_shares(labels, 3, np.array([1.0, 1, 1, 3, 2])).tolist() == [0.5, 0.0, 0.5]


def test_confused_shares_by_hand():
    """Class 0 is called 0 in 3 of 4 rows, class 1 in 1 of 2; 0.6 of the target is called 0: 0.75 w + 0.5 (1 - w) = 0.6."""
    source = np.eye(2)[[0, 0, 0, 1, 0, 1]]
    target = np.eye(2)[[0, 0, 0, 1, 1]]
    found = confused_shares(source, np.array([0, 0, 0, 0, 1, 1]), target)
    np.testing.assert_allclose(found, [0.4, 0.6], atol=1e-8)


def test_shares_are_never_negative_and_absent_classes_get_none():
    source = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.2, 0.1, 0.7]])
    target = np.array([[0.99, 0.005, 0.005]])
    found = confused_shares(source, np.array([0, 0, 2]), target)
    assert (found >= 0).all()
    assert found[1] == 0
    assert found.sum() == pytest.approx(1)
    likely = likely_shares(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), np.array([0.5, 0.0, 0.5]))
    assert likely[1] == 0
    assert likely.sum() == pytest.approx(1)


def test_likely_shares_maximize_the_likelihood():
    """Compared with a search over all shares of three unbalanced classes."""
    draw = np.random.default_rng(3)
    probs = draw.dirichlet([1.0, 2.0, 0.5], 37)
    prior = np.array([0.5, 0.2, 0.3])
    found = likely_shares(probs, prior)
    likelihood = lambda shares: np.log((probs / prior) @ shares).sum()  # noqa: E731
    steps = np.linspace(0, 1, 101)
    grid = [np.array([a, b, 1 - a - b]) for a in steps for b in steps if a + b <= 1]
    best = max(grid, key=likelihood)
    assert likelihood(found) >= likelihood(best) - 1e-6
    np.testing.assert_allclose(found, best, atol=0.011)


def test_known_gaussians_with_other_shares_are_found():
    draw = np.random.default_rng(7)
    labels = (draw.random(4_001) < 0.15).astype(int)
    rows = draw.normal(size=4_001) + 2.0 * labels
    densities = np.stack([np.exp(-(rows**2) / 2), np.exp(-((rows - 2) ** 2) / 2)], axis=1)
    probs = densities * [0.6, 0.4]
    probs /= probs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(likely_shares(probs, np.array([0.6, 0.4])), [0.85, 0.15], atol=0.03)


def test_factors_give_the_wanted_shares():
    probs = np.random.default_rng(5).dirichlet([3.0, 1.0, 0.5, 1.0], 41)
    shares = np.array([0.2, 0.5, 0.0, 0.3])
    factors = matching_factors(probs, shares)
    scaled = probs * factors
    np.testing.assert_allclose((scaled / scaled.sum(axis=1, keepdims=True)).mean(axis=0), shares, atol=1e-8)
    np.testing.assert_allclose(matching_factors(probs, probs.mean(axis=0)), 1, rtol=1e-6)


def test_mixture_shares_by_hand():
    """Rows that only one component can have made."""
    densities = np.array([[1.0, 0, 0], [2.0, 0, 0], [0, 0, 0.5]])
    np.testing.assert_allclose(mixture_shares(densities, np.full(3, 1 / 3)), [2 / 3, 0, 1 / 3], atol=1e-8)
    start = np.array([0.5, 0.5])
    assert mixture_shares(np.zeros((3, 2)), start).tolist() == start.tolist()


def test_calibration_recovers_temperature_and_offsets():
    draw = np.random.default_rng(2)
    scores = draw.normal(size=(5_003, 3))
    logits = scores / 0.4 + [0.5, 0.0, -0.5]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (draw.random(5_003)[:, None] > probs.cumsum(axis=1)).sum(axis=1)
    temperature, offsets = calibration(scores, labels)
    assert temperature == pytest.approx(0.4, rel=0.07)
    np.testing.assert_allclose(offsets, [0.5, 0.0, -0.5], atol=0.1)


def test_a_class_without_rows_gets_no_offset():
    scores = np.random.default_rng(2).normal(size=(37, 3))
    offsets = calibration(scores, np.where(scores[:, 0] > scores[:, 2], 0, 2))[1]
    assert offsets[1] == 0
    assert offsets.sum() == pytest.approx(0, abs=1e-9)


def test_class_shares_of_a_resampled_source_are_estimated(planted):
    draw = np.random.default_rng(3)
    own = class_shares(planted.labels, 5)
    wanted = np.array([0.5, 0.05, 0.25, 0.05, 0.15])
    rows = draw.choice(len(planted.labels), 900, p=wanted[planted.labels] / own[planted.labels] / len(planted.labels))
    found = fit_kernel_ridge(planted.source, planted.labels, 5, width=0.0)
    scores = found.scores(planted.source[rows] + 0.3 * draw.normal(size=(900, planted.source.shape[1])))
    estimate = likely_shares(softmax(scores / found.fit.temperature, axis=1), own)
    assert np.abs(estimate - class_shares(planted.labels[rows], 5)).max() < 0.03
