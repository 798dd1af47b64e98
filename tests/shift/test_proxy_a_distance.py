from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.shift.proxy_a_distance import proxy_a_distance

RNG = np.random.default_rng(5)


def test_domains_far_apart_are_told_apart_without_a_mistake():
    rows = RNG.normal(size=(83, 7))
    assert proxy_a_distance(rows[:60], rows[60:] + 9.0) == 2.0


def test_one_domain_cut_in_two_is_near_even_where_features_outnumber_rows():
    distances = [proxy_a_distance(rows[:31], rows[31:]) for rows in RNG.normal(size=(9, 83, 200))]
    assert np.median(distances) < 0.4


def test_a_rare_domain_counts_as_much_as_a_large_one():
    near, far = RNG.normal(size=(401, 3)), RNG.normal(size=(23, 3)) + 4.0
    assert proxy_a_distance(near, far) > 1.8
    assert proxy_a_distance(far, near) == pytest.approx(proxy_a_distance(near, far))


def test_it_is_twice_what_is_left_of_the_error_of_refitted_classifiers():
    source, target = RNG.normal(size=(13, 2)), RNG.normal(size=(17, 2)) + 1.0
    rows, aims = np.concatenate([source, target]), np.repeat([1.0, -1.0], [13, 17])
    shares = np.repeat([1 / 13, 1 / 17], [13, 17])
    wrong = np.zeros(30)
    for row in range(30):
        others = np.arange(30) != row
        joined = np.column_stack([rows[others], np.ones(29)])
        weights = shares[others, None]
        found = np.linalg.solve(
            joined.T @ (weights * joined) + 1e-5 * np.diag([1, 1, 0]), joined.T @ (weights[:, 0] * aims[others])
        )
        wrong[row] = np.sign(np.append(rows[row], 1.0) @ found) != aims[row]
    expected = 2 * (1 - wrong[:13].mean() - wrong[13:].mean())
    assert proxy_a_distance(source, target) == pytest.approx(expected, abs=0.35)
    assert expected > 0


def test_a_domain_of_one_row_is_refused():
    with pytest.raises(DataError) as error:
        proxy_a_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    assert str(error.value) == "Two domains are told apart by two rows each at least, and these have 1 and 4."
