"""The learning curve finds a planted one, and speaks of the labels there are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from headstart.planning.deciding import learning_curve as module
from headstart.planning.deciding.learning_curve import learning_curve


def blobs(num: int, width: int = 7, num_classes: int = 3, shift: float = 1.2, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(num) % num_classes)
    features = rng.normal(size=(num, width)) + shift * np.eye(width)[labels] + 5.0
    return features, labels, np.arange(num)


@pytest.fixture
def planted(monkeypatch):
    """Replaces measured errors by those of a curve with binomial noise."""

    def plant(alpha: float, eta: float, seed: int, noisy: bool = True):
        def errors(features, labels, groups, num_classes, size, curve_seed):
            rng = np.random.default_rng([seed, size])
            true = alpha + eta / np.sqrt(size)
            draws = 1 if size == len(labels) else module.NUM_DRAWS
            return rng.binomial(size, true, draws) / size if noisy else np.full(draws, true)

        monkeypatch.setattr(module, "_errors", errors)

    return plant


def nothing(num: int):
    return np.zeros((num, 1)), np.arange(num) % 2, np.arange(num)


def test_a_planted_curve_is_met_at_four_times_the_rows_in_most_seeds(planted):
    near = covered = 0
    for seed in range(100):
        planted(0.05, 0.8, seed)
        made = learning_curve(*nothing(1200), 2, seed)
        true = 0.05 + 0.8 / np.sqrt(4800)
        near += abs(made.four_times.value - true) <= 0.02
        covered += made.four_times.low <= true <= made.four_times.high
    assert near >= 80
    assert covered >= 85


def test_without_noise_the_parameters_come_back(planted):
    planted(0.05, 0.8, 0, noisy=False)
    made = learning_curve(*nothing(400), 2, 0)
    assert made.asymptote == pytest.approx(0.05)
    assert made.slope == pytest.approx(0.8)
    assert made.now.value == pytest.approx(0.09)
    assert made.four_times.value == pytest.approx(0.07)
    assert [point.num_rows for point in made.points] == [100, 200, 400]


@pytest.mark.parametrize(("alpha", "eta"), [(-0.05, 2.0), (0.3, -0.9)], ids=["below zero", "rising"])
def test_neither_slope_nor_asymptote_goes_below_zero(planted, alpha, eta):
    planted(alpha, eta, 0, noisy=False)
    made = learning_curve(*nothing(400), 2, 0)
    assert made.asymptote >= 0
    assert made.slope >= 0
    assert made.four_times.value <= made.now.value


def test_a_sample_of_many_labels_speaks_of_all_of_them(planted):
    planted(0.05, 0.8, 0, noisy=False)
    made = learning_curve(*nothing(400), 2, 0, num_labeled=10_000)
    assert made.now.value == pytest.approx(0.058)
    assert made.four_times.value == pytest.approx(0.054)
    pattern = (
        r"With four times the labels \(40,000\), expect an accuracy of the ridge head of about 94\.6% "
        r"\(\d\d\.\d% to \d\d+\.\d%\) instead of 94\.2%\."
    )
    assert re.fullmatch(pattern, made.sentence)


def test_few_rows_have_no_curve():
    assert learning_curve(*blobs(39), 3, 0) is None
    assert learning_curve(*blobs(40), 3, 0) is not None


def test_parts_that_leave_classes_with_hardly_a_row_have_no_curve(monkeypatch):
    assert learning_curve(*blobs(83, num_classes=7), 7, 0) is None  # 20 rows of 7 classes
    assert learning_curve(*blobs(84, num_classes=7), 7, 0) is not None
    monkeypatch.setattr(module, "MOST_ROWS", 81)
    assert learning_curve(*blobs(840, num_classes=7), 7, 0) is None


@pytest.mark.slow
def test_real_errors_fall_with_rows_and_the_seed_decides_the_draws():
    made = learning_curve(*blobs(240, width=31), 3, 0)
    errors = [point.error for point in made.points]
    assert errors[0] > errors[2]
    assert made.points[2].std == 0
    assert made == learning_curve(*blobs(240, width=31), 3, 0)
    assert made.points[0] != learning_curve(*blobs(240, width=31), 3, 1).points[0]


@pytest.mark.slow
def test_copies_of_one_picture_do_not_vouch_for_each_other():
    features, labels, _ = blobs(60, width=90, shift=0.0)
    twice = np.concatenate([features, features]), np.concatenate([labels, labels])
    groups = np.concatenate([np.arange(60)] * 2)
    together = learning_curve(*twice, groups, 3, 0)
    alone = learning_curve(*twice, np.arange(120), 3, 0)
    assert together.points[2].error > 0.5
    assert alone.points[2].error < 0.2


def test_more_rows_than_are_measured_are_sampled(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 60)
    made = learning_curve(*blobs(97), 3, 0)
    assert [point.num_rows for point in made.points] == [15, 30, 60]
    assert "(388)" in made.sentence
