from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.folds import folds_with_two_classes, stratified_folds


@st.composite
def grouped_labels(draw):
    num_rows = draw(st.integers(4, 61))
    labels = np.array(draw(st.lists(st.integers(0, 2), min_size=num_rows, max_size=num_rows)), np.int64)
    groups = np.array(draw(st.lists(st.integers(0, num_rows), min_size=num_rows, max_size=num_rows)), np.int64)
    return labels, groups


@pytest.mark.slow
@given(grouped_labels(), st.integers(2, 5), st.integers(0, 3))
def test_held_out_parts_partition_the_rows_and_no_group_straddles(data, num_folds, seed):
    labels, groups = data
    folds = stratified_folds(labels, groups, num_folds, seed)
    assert np.array_equal(np.sort(np.concatenate([fold.held_out for fold in folds])), np.arange(len(labels)))
    for fold in folds:
        assert np.array_equal(np.sort(np.concatenate([fold.fit, fold.held_out])), np.arange(len(labels)))
        assert not np.intersect1d(groups[fold.fit], groups[fold.held_out]).size


def test_class_counts_of_folds_differ_by_one_at_most_without_groups():
    labels = np.repeat([0, 1, 2], [37, 13, 7])
    folds = stratified_folds(labels, np.arange(57), 5, 0)
    counts = np.array([np.bincount(labels[fold.held_out], minlength=3) for fold in folds])
    assert len(folds) == 5
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(axis=1)) <= 2


def test_class_with_two_groups_is_never_held_out_whole():
    labels = np.repeat([0, 1], [17, 6])
    groups = np.concatenate([np.arange(17), [20, 20, 20, 21, 21, 21]])
    for seed in range(11):
        for fold in stratified_folds(labels, groups, 3, seed):
            assert set(labels[fold.fit]) == {0, 1}


def test_a_rare_class_does_not_lower_the_number_of_folds_and_groups_do():
    labels = np.repeat([0, 1], [11, 3])
    folds = stratified_folds(labels, np.arange(14), 5, 0)
    assert [int((labels[fold.held_out] == 1).sum()) for fold in folds].count(1) == 3
    assert len(folds) == 5
    assert len(stratified_folds(labels, np.repeat([0, 1, 2], [5, 5, 4]), 5, 0)) == 3


@given(grouped_labels(), st.integers(2, 5), st.integers(0, 3))
def test_folds_of_a_task_are_fitted_to_two_classes_or_there_are_none(data, num_folds, seed):
    labels, groups = data
    folds = folds_with_two_classes(labels, groups, num_folds, seed)
    if not folds:
        in_two_groups = [label for label in np.unique(labels) if len(np.unique(groups[labels == label])) > 1]
        assert len(in_two_groups) < 2
        return
    held_out = np.concatenate([fold.held_out for fold in folds])
    assert len(np.unique(held_out)) == len(held_out)
    for fold in folds:
        assert np.array_equal(np.sort(np.concatenate([fold.fit, fold.held_out])), np.arange(len(labels)))
        assert not np.intersect1d(groups[fold.fit], groups[fold.held_out]).size
        assert len(fold.held_out) > 0


def test_a_class_in_one_group_is_held_out_whole_unless_one_other_class_is_left():
    labels, groups = np.repeat([0, 1, 2], [8, 7, 4]), np.array([*range(15), *[20] * 4])
    assert {18} <= set(np.concatenate([fold.held_out for fold in folds_with_two_classes(labels, groups, 5, 0)]).tolist())
    two = folds_with_two_classes(labels[7:], groups[7:] - 7, 5, 0)
    assert len(two) == 5
    first = np.flatnonzero(labels[7:] == 2)
    assert all(set(first) <= set(fold.fit) for fold in two)


def test_one_group_a_class_leaves_no_folds():
    assert folds_with_two_classes(np.repeat([0, 1], 5), np.repeat([3, 7], 5), 5, 0) == ()
    assert folds_with_two_classes(np.arange(4), np.arange(4), 5, 0) == ()


@pytest.mark.parametrize("label", [0, 1, 3])
def test_rows_of_one_class_leave_no_folds_whichever_it_is(label):
    assert folds_with_two_classes(np.full(7, label), np.arange(7), 5, 0) == ()


def test_seed_decides_who_is_held_out_and_nothing_else_does():
    labels = np.repeat([0, 1], [29, 31])
    first, again, other = (stratified_folds(labels, np.arange(60), 5, seed)[0].held_out for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
