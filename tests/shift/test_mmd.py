from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.shift.mmd import unbiased_mmd

RNG = np.random.default_rng(7)


def test_it_is_what_sums_over_pairs_give():
    source, target = RNG.normal(size=(5, 3)), RNG.normal(size=(7, 3)) + 0.7
    rows = [*source, *target]
    bandwidth = np.median([np.linalg.norm(one - two) for one, two in combinations(rows, 2)])

    def mean(pairs):
        return np.mean([np.exp(-((one - two) ** 2).sum() / (2 * bandwidth**2)) for one, two in pairs])

    across = mean([(one, two) for one in source for two in target])
    expected = mean(combinations(source, 2)) + mean(combinations(target, 2)) - 2 * across
    assert unbiased_mmd(source, target) == pytest.approx(expected, rel=1e-12)


def test_samples_of_one_distribution_are_on_average_at_zero():
    values = [unbiased_mmd(rows[:11], rows[11:]) for rows in RNG.normal(size=(400, 30, 4))]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20
    assert min(values) < 0


def test_it_grows_with_the_gap():
    source, target = RNG.normal(size=(40, 3)), RNG.normal(size=(30, 3))
    near, far = (unbiased_mmd(source, target + gap) for gap in (1.0, 3.0))
    assert 0.05 < near < far < 2.0


def test_equal_rows_everywhere_are_no_difference():
    assert unbiased_mmd(np.ones((3, 2)), np.ones((4, 2))) == 0.0


def test_a_sample_of_one_row_is_refused():
    with pytest.raises(DataError) as error:
        unbiased_mmd(np.zeros((4, 3)), np.zeros((1, 3)))
    assert str(error.value) == "A mean discrepancy needs two rows a sample, and these have 4 and 1."
