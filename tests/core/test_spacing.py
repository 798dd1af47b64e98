"""Rows that are looked at of many."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.spacing import evenly_spaced, every_nth, random_rows


@pytest.mark.parametrize(
    ("num", "most", "places"),
    [(7, 3, [0, 3, 6]), (3, 7, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 1, [0]), (0, 4, []), (10, 4, [0, 3, 6, 9])],
)
def test_first_and_last_and_what_lies_between(num, most, places):
    found = evenly_spaced(num, most)
    assert found.dtype == np.int64
    assert found.tolist() == places


def test_no_place_comes_twice():
    for num in range(1, 200):
        for most in (num - 1, num // 2 + 1):
            assert len(np.unique(evenly_spaced(num, most))) == min(num, most)


def test_drawn_places_are_distinct_ascending_and_decided_by_the_generator():
    found = random_rows(11, 4, np.random.default_rng(3))
    assert found.tolist() == sorted(np.random.default_rng(3).permutation(11)[:4].tolist())
    assert random_rows(3, 7, np.random.default_rng(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("num", "most", "rows"), [(7, 3, [0, 3, 6]), (3, 7, [0, 1, 2]), (8, 4, [0, 2, 4, 6]), (9, 1, [0])])
def test_every_nth_row_from_the_first_on(num, most, rows):
    assert every_nth(np.arange(num), most).tolist() == rows
