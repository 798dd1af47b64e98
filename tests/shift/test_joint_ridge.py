from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.class_statistics import one_hot
from headstart.heads.ridge_leave_one_out import ridge_path
from headstart.shift.joint_ridge import Labeled, leave_target_out

RNG = np.random.default_rng(13)


def labeled(labels, first_group=0, shift=0.0, groups=None):
    labels = np.asarray(labels)
    rows = RNG.normal(size=(len(labels), 5)) + 2.0 * np.eye(5)[labels] + shift
    return Labeled(rows, labels, np.arange(len(labels)) + first_group if groups is None else np.asarray(groups))


TARGET = labeled([0, 1, 2, 0, 1, 2, 0, 1, 0, 2, 1])
SOURCE = labeled([0, 1, 2, 3] * 4 + [0], 100, 0.3)


def refitted(target, source, weight, penalty, row):
    """The scores of one target row by a fit without its group."""
    groups = np.concatenate([target.groups, source.groups])
    kept = groups != target.groups[row]
    rows, labels = np.concatenate([target.rows, source.rows]), np.concatenate([target.labels, source.labels])
    weights = np.repeat([1.0, weight], [len(target), len(source)])
    scaled = (weights * len(rows) / weights.sum())[kept]
    joined = np.column_stack([rows[kept], np.ones(kept.sum())])
    aims = 2 * one_hot(labels[kept], 4) - 1
    found = np.linalg.solve(
        joined.T @ (scaled[:, None] * joined) + penalty * np.diag([1.0] * 5 + [0.0]), joined.T @ (scaled[:, None] * aims)
    )
    return np.append(target.rows[row], 1.0) @ found


@pytest.mark.parametrize("shared", [False, True])
def test_scores_are_those_of_fits_without_the_row_and_without_its_group_in_the_source(shared):
    target = labeled(TARGET.labels, groups=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]) if shared else TARGET
    source = labeled(SOURCE.labels, groups=[0, 4, *range(200, 215)]) if shared else SOURCE
    found = leave_target_out(target, [(source, 0.25)], 4)
    rows, weights = np.concatenate([target.rows, source.rows]), np.repeat([1.0, 0.25], [11, 17])
    penalties = ridge_path(rows, 2 * one_hot(np.concatenate([target.labels, source.labels]), 4) - 1, None, weights).penalties
    for row in range(11):
        options = [refitted(target, source, 0.25, penalty, row) for penalty in penalties]
        assert min(np.abs(found.loo_scores[row] - option).max() for option in options) < 1e-8


def test_without_sources_it_is_the_target_alone():
    found = leave_target_out(TARGET, [], 3)
    assert found.loo_probs.shape == (11, 3)
    assert np.allclose(found.loo_probs.sum(axis=1), 1)
    again = leave_target_out(Labeled(TARGET.rows + 7.0, TARGET.labels, TARGET.groups), [], 3)
    assert np.allclose(found.loo_scores, again.loo_scores)


def test_a_source_that_fits_lowers_the_loss_and_a_permuted_one_does_not():
    target = labeled(np.arange(15) % 5)
    source = labeled(np.arange(200) % 5, 100)
    wrong = Labeled(source.rows, RNG.permutation(source.labels), source.groups)
    alone = leave_target_out(target, [], 5).loss
    assert leave_target_out(target, [(source, 1.0)], 5).loss < 0.8 * alone
    assert leave_target_out(target, [(wrong, 1.0)], 5).loss > leave_target_out(target, [(source, 1.0)], 5).loss


def test_rows_alone_in_their_class_get_scores_at_a_fixed_penalty():
    found = leave_target_out(labeled([0, 1, 2]), [], 3)
    assert found.loo_scores.shape == (3, 3)
    assert found.temperature == 0.5
