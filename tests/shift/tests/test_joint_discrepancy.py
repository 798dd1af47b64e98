"""The joint discrepancy: zero for right classes of a moved domain, more for wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.random_features import NUM_FEATURES, RandomFeatures
from headstart.shift.tests.joint_discrepancy import joint_discrepancy

CENTERS = np.random.default_rng(3).normal(size=(3, 5)) * 3.0


def domain(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.choice(3, num, p=[0.5, 0.3, 0.2])
    return CENTERS[labels] + random.normal(size=(num, 5)), labels


def test_right_classes_of_a_moved_domain_leave_no_gap_and_wrong_ones_do():
    source, labels = domain(203, 1)
    target, truth = domain(161, 2)
    moved = target * 0.7 + 4.0
    right = joint_discrepancy(source, labels, moved, np.eye(3)[truth], (0,))
    wrong = joint_discrepancy(source, labels, moved, np.eye(3)[(truth + 1) % 3], (0,))
    assert abs(right) < 0.005
    assert wrong > 0.1


def test_without_moving_the_same_classes_leave_a_gap():
    source, labels = domain(203, 1)
    target, truth = domain(161, 2)
    probs = np.eye(3)[truth]
    assert joint_discrepancy(source, labels, target * 0.7 + 4.0, probs, (0,), moved=False) > 0.1
    assert abs(joint_discrepancy(source, labels, target, probs, (0,), moved=False)) < 0.005


def test_other_class_shares_are_no_gap():
    source, labels = domain(303, 1)
    target, truth = domain(261, 2)
    kept = np.flatnonzero((truth != 0) | (np.arange(len(truth)) % 4 == 0))
    assert abs(joint_discrepancy(source, labels, target[kept], np.eye(3)[truth[kept]], (0,), moved=False)) < 0.01


def test_classes_that_the_source_lacks_leave_an_infinite_gap():
    source, labels = domain(53, 1)
    probs = np.tile([0.0, 0.0, 0.0, 1.0], (7, 1))
    assert joint_discrepancy(source, labels, domain(7, 2)[0], probs, (0,)) == float("inf")


def test_inner_products_of_random_features_approximate_the_mean_of_two_kernels():
    rows = np.random.default_rng(0).normal(size=(37, 3))
    features = RandomFeatures.of(rows, 0)(rows)
    assert features.shape == (37, NUM_FEATURES)
    squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    median = np.median(squares[np.triu_indices(37, 1)])
    kernel = (np.exp(-squares / (0.25 * median)) + np.exp(-squares / median)) / 2
    assert np.abs(features @ features.T - kernel).mean() < 0.06
    assert (features**2).sum(axis=1) == pytest.approx(1.0, abs=0.25)


def test_several_draws_are_averaged():
    (source, labels), (target, truth) = domain(5, 2), domain(6, 2)
    probs = np.eye(3)[truth]
    single = [joint_discrepancy(source, labels, target, probs, (seed,)) for seed in range(4)]
    assert len(set(single)) == 4
    assert joint_discrepancy(source, labels, target, probs, range(4)) == pytest.approx(np.mean(single), rel=1e-12)
