"""By hand, against brute force, its false alarms under one distribution and its power under two."""

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.shift.tests.nearest_neighbor import NeighborTest, nearest_neighbor_test


def drawn(num: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(num, 6))
    rows[:, 0] += shift
    return rows


def of_two(shift: float, seed: int, labeled: int = 10, free: int = 190) -> NeighborTest:
    rows = unit_rows(np.concatenate([drawn(labeled, seed, -shift), drawn(free, seed + 1000, shift)]))
    return nearest_neighbor_test(rows, np.arange(labeled + free) < labeled, np.arange(labeled + free), seed)


def test_shares_are_those_of_brute_force():
    rows, labeled = unit_rows(drawn(40, 0)), np.arange(40) % 4 == 0
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -9)
    hits = [labeled[np.argsort(-cosines[row])[:9]].sum() for row in np.flatnonzero(labeled)]
    found = nearest_neighbor_test(rows, labeled, np.arange(40), seed=0)
    assert found.share == pytest.approx(sum(hits) / 90)
    assert found.expected == pytest.approx(9 / 39, abs=0.01)


def test_one_kind_is_called_different_no_more_often_than_stated():
    found = [of_two(0.0, seed) for seed in range(25)]
    assert not any(one.differs for one in found)
    p_values = np.array([one.p_value for one in found])
    assert 0.3 < p_values.mean() < 0.75
    assert (p_values <= 0.2).mean() < 0.4


def test_two_kinds_are_told_apart():
    found = [of_two(4.0, seed) for seed in range(10)]
    assert all(one.differs for one in found)
    assert min(one.excess for one in found) > 0.9
    assert {one.p_value for one in found} == {0.001}


def test_two_labeled_rows_suffice():
    assert of_two(4.0, seed=3, labeled=2, free=600).differs


def test_rows_of_one_group_are_no_neighbors():
    """Every row has a copy: labeled pairs would count as neighbors."""
    half = unit_rows(drawn(60, 0))
    rows, groups = np.repeat(half, 2, axis=0), np.repeat(np.arange(60), 2)
    labeled = groups < 5
    assert nearest_neighbor_test(rows, labeled, np.arange(120), seed=0).p_value < 0.1
    assert nearest_neighbor_test(rows, labeled, groups, seed=0).p_value > 0.2


def test_too_little_to_compare_is_one_kind():
    rows = unit_rows(drawn(6, 0))
    for labeled in (np.arange(6) < 1, np.ones(6, bool), np.zeros(6, bool)):
        found = nearest_neighbor_test(rows, labeled, np.arange(6), seed=0)
        assert (found.p_value, found.excess, found.differs) == (1.0, 0.0, False)


def test_excess_is_the_way_from_chance_to_one():
    assert NeighborTest(share=0.6, expected=0.2, p_value=0.01).excess == pytest.approx(0.5)
    assert NeighborTest(share=1.0, expected=1.0, p_value=1.0).excess == 0.0
    assert NeighborTest(share=0.61, expected=0.2, p_value=0.01).differs
    assert not NeighborTest(share=0.59, expected=0.2, p_value=0.01).differs
    assert not NeighborTest(share=0.9, expected=0.2, p_value=0.011).differs


def test_the_seed_alone_decides_and_order_does_not_matter_to_the_share():
    rows, labeled, groups = unit_rows(drawn(50, 1)), np.arange(50) < 8, np.arange(50)
    first = nearest_neighbor_test(rows, labeled, groups, seed=5)
    assert first == nearest_neighbor_test(rows, labeled, groups, seed=5)
    order = np.random.default_rng(0).permutation(50)
    moved = nearest_neighbor_test(rows[order], labeled[order], groups[order], seed=5)
    assert moved.share == pytest.approx(first.share)
    assert moved.p_value == pytest.approx(first.p_value, abs=0.05)
