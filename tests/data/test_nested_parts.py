"""Nested parts: each holds the smaller ones, classes in proportion, groups whole."""

from __future__ import annotations

import numpy as np

from headstart.data.nested_parts import nested_parts


def test_parts_nest_keep_classes_in_proportion_and_groups_whole():
    labels = np.repeat([0, 0, 1, 2, 2, 2, 1], 7)
    groups = np.arange(49) // 7 * 4 + np.arange(49) % 7 // 2  # two rows a group, one in the last of each seven
    small, large = nested_parts(labels, groups, [12, 25], np.random.default_rng(3))
    assert set(small) < set(large)
    assert abs(len(small) - 12) <= 1
    assert abs(len(large) - 25) <= 1
    for part in (small, large):
        assert set(groups[part]).isdisjoint(groups[np.setdiff1d(np.arange(49), part)])
        shares = np.bincount(labels[part], minlength=3) / len(part)
        assert np.abs(shares - np.bincount(labels) / 49).max() < 0.13
    assert len(nested_parts(labels, groups, [0], np.random.default_rng(3))[0]) >= 1
