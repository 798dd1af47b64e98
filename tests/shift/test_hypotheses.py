"""Shift hypotheses: what each makes of the source, and that it explains the target which it assumes."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.hypotheses import HYPOTHESES, Domains, rotated_source
from headstart.shift.tests.joint_discrepancy import joint_discrepancy

CENTERS = np.array([[-1.0, 1.0], [4.0, 0.5], [-0.5, -1.5]]) * 2
EVEN, SKEWED = (0.4, 0.35, 0.25), (0.1, 0.2, 0.7)


def drawn(shares: tuple[float, ...], num: int, seed: int, centers: np.ndarray = CENTERS) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.choice(3, num, p=shares)
    return centers[labels] + random.normal(size=(num, 2)) * 0.8, labels


def domains_of(change: str) -> tuple[Domains, np.ndarray]:
    """A source, and a target that differs from it in that alone, with the target's probabilities."""
    source, labels = drawn(EVEN, 301, 1)
    target, truth = drawn(SKEWED if change == "class shares" else EVEN, 257, 2)
    if change == "source weights":
        nearness = np.exp(-((target - np.array([3.0, 0.0])) ** 2).sum(axis=1) / 30)
        kept = np.random.default_rng(3).uniform(size=257) < nearness
        target, truth = target[kept], truth[kept]
    if change == "features":
        target = target * np.array([0.5, 1.6]) + np.array([9.0, -4.0])
    if change == "rotation":
        target = 3.0 - target
    return Domains(source, labels, target, 3, 1), np.eye(3)[truth]


def ratio(change: str, domains: Domains, probs: np.ndarray) -> float:
    rows, weights = HYPOTHESES[change](domains, probs)
    return joint_discrepancy(rows, weights, domains.labels, domains.target, probs, range(3))


@pytest.mark.parametrize("change", ["nothing", "class shares", "source weights", "features", "rotation"])
def test_a_change_is_explained_by_its_own_hypothesis(change):
    domains, probs = domains_of(change)
    assert ratio(change, domains, probs) < 3


@pytest.mark.parametrize("change", ["class shares", "features", "rotation"])
def test_a_change_is_not_explained_by_that_nothing_changed(change):
    domains, probs = domains_of(change)
    assert ratio("nothing", domains, probs) > 10


def test_features_are_given_the_mean_and_covariance_of_the_target():
    domains, probs = domains_of("features")
    rows, weights = HYPOTHESES["features"](domains, probs)
    shares = weights / weights.sum()
    np.testing.assert_allclose(shares @ rows, domains.target.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(np.cov(rows.T, aweights=shares, bias=True), np.cov(domains.target.T, bias=True), rtol=0.08)


def test_class_shares_weigh_rows_to_the_predicted_shares():
    domains, probs = domains_of("class shares")
    weights = HYPOTHESES["class shares"](domains, probs).weights
    np.testing.assert_allclose(np.bincount(domains.labels, weights) / weights.sum(), probs.mean(axis=0))


def test_a_mirrored_source_is_rotated_onto_the_target():
    domains, probs = domains_of("rotation")
    moved = rotated_source(domains.source, domains.target, 1)
    for label in range(3):
        there = domains.target[probs[:, label] == 1].mean(axis=0)
        np.testing.assert_allclose(moved[domains.labels == label].mean(axis=0), there, atol=1.0)


@pytest.mark.slow
def test_a_shape_that_fits_in_several_ways_is_not_rotated():
    """Corners of an equilateral triangle with equal shares: nobody can tell which is which."""
    angles = np.array([0.0, 2.0, 4.0]) * np.pi / 3
    corners = 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    (source, labels), (target, truth) = (drawn((1 / 3, 1 / 3, 1 / 3), num, num, corners) for num in (151, 131))
    assert not HYPOTHESES["rotation"](Domains(source, labels, 3.0 - target, 3, 1), np.eye(3)[truth]).weights.any()


def test_few_rows_that_could_be_weighted_to_resemble_any_target_are_not():
    domains, probs = domains_of("rotation")
    assert not HYPOTHESES["source weights"](domains, probs).weights.any()
