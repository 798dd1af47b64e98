"""Inner folds: partitions, groups, and sets too small to hold anything out."""

import numpy as np

from headstart.data.folds import Fold
from headstart.heads import out_of_fold as module
from headstart.heads.out_of_fold import inner_folds, out_of_fold

LABELS = np.array([0, 1, 2, 0, 1, 0, 1, 0, 2, 1, 0, 2, 0])


def test_held_rows_are_a_partition():
    held = np.sort(np.concatenate([fold.held_out for fold in inner_folds(LABELS, None, 0)]))
    np.testing.assert_array_equal(held, np.arange(len(LABELS)))


def test_groups_stay_together():
    groups = np.arange(len(LABELS)) // 2
    for fold in inner_folds(LABELS, groups, 0):
        assert not set(groups[fold.fit]) & set(groups[fold.held_out])


def test_one_row_a_class_has_no_folds():
    assert inner_folds(np.arange(5), None, 0) == ()
    assert inner_folds(np.zeros(4, np.int64), np.zeros(4, np.int64), 0) == ()


def test_a_class_of_one_row_is_no_obstacle():
    folds = inner_folds(np.array([0, 0, 0, 1, 2, 2, 2]), None, 0)
    assert len(folds) == 5
    assert sorted(row for fold in folds for row in fold.held_out) == list(range(7))


def test_many_rows_have_one_fold(monkeypatch):
    monkeypatch.setattr(module, "HOLDOUT_ROWS", 13)
    assert len(inner_folds(LABELS, None, 0)) == 1


def test_scores_come_with_their_rows():
    folds = (Fold(np.array([0, 1]), np.array([2])), Fold(np.array([2]), np.array([1, 0])))
    scores, held = out_of_fold(lambda fold: fold.held_out[:, None] * 10.0, folds)
    np.testing.assert_array_equal(held, [2, 1, 0])
    np.testing.assert_array_equal(scores[:, 0], [20, 10, 0])
