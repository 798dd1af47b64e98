"""The joint discrepancy: zero for right classes of a moved domain, more for wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.random_features import NUM_FEATURES, RandomFeatures
from headstart.shift.tests.joint_discrepancy import joint_discrepancy, joint_p_value

CENTERS = np.random.default_rng(3).normal(size=(3, 5)) * 3.0


def domain(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.choice(3, num, p=[0.5, 0.3, 0.2])
    return CENTERS[labels] + random.normal(size=(num, 5)), labels


def left_by(source, labels, target, probs, seeds=(0,)) -> float:
    return joint_discrepancy(source, np.ones(len(source)), labels, target, probs, seeds)


def test_right_classes_leave_what_chance_leaves_and_wrong_ones_much_more():
    ratios = []
    for seed in range(20):
        (source, labels), (target, truth) = domain(203, seed), domain(161, seed + 100)
        ratios.append(left_by(source, labels, target, np.eye(3)[truth], range(3)))
        assert left_by(source, labels, target, np.eye(3)[(truth + 1) % 3]) > 20
        assert left_by(source, labels, target * 0.7 + 4.0, np.eye(3)[truth]) > 20
    assert np.mean(ratios) == pytest.approx(1.5, abs=0.5)  # class shares are drawn, and are not among what chance leaves
    assert max(ratios) < 5


def test_the_expectation_is_that_of_the_multiplier_bootstrap():
    (source, labels), (target, truth) = domain(37, 1), domain(29, 2)
    probs, weights = np.eye(3)[truth] * 0.8 + 0.2 / 3, np.linspace(0.2, 2.0, 37)
    features = RandomFeatures.of(target, 0)
    here, there, shares = features(source), features(target), weights / weights.sum()
    random = np.random.default_rng(0)
    square, drawn = 0.0, np.zeros(4000)
    for label in range(3):
        own, given = labels == label, there * probs[:, [label]] / 29
        ours = shares[own, None] * here[own]
        square += ((ours.sum(axis=0) - given.sum(axis=0)) ** 2).sum()
        centered = shares[own, None] * (here[own] - ours.sum(axis=0) / shares[own].sum())
        centered /= np.sqrt(1 - ((shares[own] / shares[own].sum()) ** 2).sum())
        multiplied = random.normal(size=(4000, own.sum())) @ centered
        drawn += ((multiplied - random.normal(size=(4000, 29)) @ (given - given.mean(axis=0))) ** 2).sum(axis=1)
    found = joint_discrepancy(source, weights, labels, target, probs, (0,))
    assert found == pytest.approx(square / drawn.mean(), rel=0.02)
    for ratio in (0.8, 1.2, 1.6):
        p_value = joint_p_value(ratio, source, weights, labels, target, probs, (0,))
        assert p_value == pytest.approx((drawn >= ratio * drawn.mean()).mean(), abs=0.05)


@pytest.mark.parametrize("rows", [2, 4, 40])
def test_chance_leaves_about_one_however_few_rows_a_class_has(rows):
    ratios, rejected = [], 0
    for seed in range(20):
        labels = np.repeat(np.arange(3), rows)
        source = CENTERS[labels] + np.random.default_rng(seed).normal(size=(3 * rows, 5))
        truth = np.random.default_rng(seed + 50).integers(0, 3, 61)
        target, probs = CENTERS[truth] + np.random.default_rng(seed + 100).normal(size=(61, 5)), np.eye(3)[truth]
        weights = np.ones(3 * rows)
        ratios.append(joint_discrepancy(source, weights, labels, target, probs, range(2)))
        rejected += joint_p_value(ratios[-1], source, weights, labels, target, probs, range(2)) < 0.01
    assert 0.7 < np.mean(ratios) < 1.3
    assert rejected <= 2


def test_source_rows_without_weight_explain_nothing():
    source, labels = domain(53, 1)
    target, truth = domain(7, 2)
    assert joint_p_value(float("inf"), source, np.zeros(53), labels, target, np.eye(3)[truth], (0,)) == 0.0


def test_weighted_rows_of_other_class_shares_leave_what_chance_leaves():
    source, labels = domain(303, 1)
    target, truth = domain(261, 2)
    kept = np.flatnonzero((truth != 0) | (np.arange(len(truth)) % 4 == 0))
    probs = np.eye(3)[truth[kept]]
    weights = (probs.mean(axis=0) / np.bincount(labels))[labels]
    assert (
        joint_discrepancy(source, weights, labels, target[kept], probs, (0,)) < 2 < left_by(source, labels, target[kept], probs)
    )


def test_source_rows_without_weight_leave_an_infinite_discrepancy():
    source, labels = domain(53, 1)
    target, truth = domain(7, 2)
    assert joint_discrepancy(source, np.zeros(53), labels, target, np.eye(3)[truth], (0,)) == float("inf")


def test_inner_products_of_random_features_approximate_the_mean_of_two_kernels():
    rows = np.random.default_rng(0).normal(size=(37, 3))
    features = RandomFeatures.of(rows, 0)(rows)
    assert features.shape == (37, NUM_FEATURES)
    squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    median = np.median(squares[np.triu_indices(37, 1)])
    kernel = (np.exp(-squares / (0.25 * median)) + np.exp(-squares / median)) / 2
    assert np.abs(features @ features.T - kernel).mean() < 0.06
    assert (features**2).sum(axis=1) == pytest.approx(1.0, abs=0.25)
