"""The two-sample test: its level, and its power with few rows."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.tests.same_distribution import same_distribution


def drawn(num: int, seed: int, move: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num, 2)) + np.array([0.6, 0.8]) * move


@pytest.mark.slow
def test_rows_of_one_distribution_are_called_different_about_as_often_as_the_level_says():
    called = sum(same_distribution(drawn(97, seed), drawn(83, seed + 1000), seed) < 0.05 for seed in range(200))
    assert called <= 20  # 10 are expected, and 20 or fewer found in 99.8 % of such tests


def test_rows_that_moved_are_different():
    assert same_distribution(drawn(97, 1), drawn(83, 2, 1.0), 0) == pytest.approx(1 / 301)


@pytest.mark.slow
def test_from_eight_rows_on_two_standard_deviations_are_told():
    told = sum(same_distribution(drawn(60, seed), drawn(8, seed + 100, 2.0), seed) < 0.05 for seed in range(30))
    assert told >= 27
