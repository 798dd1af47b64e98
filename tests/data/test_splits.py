from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.splits import FEWEST_IN_TRAIN, held_out, rows_per_class


@st.composite
def grouped_labels(draw):
    num_rows = draw(st.integers(2, 67))
    labels = np.array(draw(st.lists(st.integers(0, 3), min_size=num_rows, max_size=num_rows)), np.int64)
    groups = np.array(draw(st.lists(st.integers(0, num_rows), min_size=num_rows, max_size=num_rows)), np.int64)
    return labels, groups


@given(grouped_labels(), st.integers(0, 5))
def test_groups_are_held_out_whole_and_classes_keep_rows_to_learn_from(data, seed):
    labels, groups = data
    held = held_out(labels, groups, 4, seed)
    assert not np.intersect1d(groups[held], groups[~held]).size
    before, after = np.bincount(labels, minlength=4), np.bincount(labels[~held], minlength=4)
    assert (after >= np.minimum(before, FEWEST_IN_TRAIN - 1)).all()


def test_a_fifth_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [50, 35, 13])
    held = held_out(labels, np.arange(98), 3, 7)
    assert np.bincount(labels[held]).tolist() == [10, 7, 3]


def test_classes_of_three_rows_or_fewer_give_none():
    labels = np.repeat([0, 1, 2, 3], [2, 3, 4, 6])
    held = held_out(labels, np.arange(15), 4, 0)
    assert np.bincount(labels[held], minlength=4).tolist() == [0, 0, 1, 1]


def test_class_made_of_groups_larger_than_its_fifth_still_gives_one():
    labels = np.repeat([0, 1], [20, 20])
    groups = np.repeat(np.arange(8), 5)
    held = held_out(labels, groups, 2, 0)
    assert np.bincount(labels[held]).tolist() == [5, 5]


@given(grouped_labels(), st.integers(2, 9), st.integers(0, 5))
def test_per_class_keeps_the_number_asked_for_and_frees_no_row_of_a_kept_group(data, per_class, seed):
    labels, groups = data
    keep, free = rows_per_class(labels, groups, 4, per_class, seed)
    wanted = np.minimum(np.bincount(labels, minlength=4), per_class)
    assert np.bincount(labels[keep], minlength=4).tolist() == wanted.tolist()
    assert not (keep & free).any()
    assert not np.intersect1d(groups[keep], groups[free]).size


def test_without_groups_every_row_is_kept_or_free():
    labels = np.repeat([0, 1], [23, 29])
    keep, free = rows_per_class(labels, np.arange(52), 2, 5, 0)
    assert (keep ^ free).all()
