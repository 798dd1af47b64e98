from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from headstart.shift.transport import (
    best_rotation,
    class_plan,
    extended,
    plan_of,
    scaled_costs,
    some_rows,
    transported_rows,
)

SOURCE = np.random.default_rng(1).normal(size=(13, 3))
TARGET = np.random.default_rng(2).normal(size=(17, 3)) + 1.0


@pytest.mark.parametrize("entropy", [0.0, 0.02, 0.5])
def test_a_plan_has_the_marginals(entropy):
    plan = plan_of(scaled_costs(SOURCE, TARGET), entropy)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 17, atol=1e-5)
    np.testing.assert_allclose(plan.sum(axis=1), 1 / 13, atol=1e-5)
    assert (plan >= 0).all()


def test_the_exact_plan_of_equal_numbers_is_an_assignment():
    costs = scaled_costs(SOURCE, TARGET[:13])
    rows, columns = linear_sum_assignment(costs)
    assert (plan_of(costs, 0) * costs).sum() == pytest.approx(costs[rows, columns].mean())


def test_a_smooth_plan_has_the_form_of_sinkhorn_s():
    """log plan + cost / entropy is a sum of a row term and a column term."""
    costs = scaled_costs(SOURCE, TARGET)
    rest = np.log(plan_of(costs, 0.3)) + costs / 0.3
    rest -= rest.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(rest - rest.mean(axis=0), 0, atol=1e-9)


def test_costs_too_far_apart_for_the_fast_solver_still_give_a_plan():
    costs = scaled_costs(np.array([[0.0], [1.0], [1e4]]), np.array([[0.0], [1.0], [-1e4], [3.0]]))
    plan = plan_of(costs * 100, 0.01)
    assert np.isfinite(plan).all()
    assert plan.sum() == pytest.approx(1, abs=0.1)


def test_classes_are_kept_apart_on_target_rows():
    labels = np.arange(13) % 2
    mixed = lambda plan: np.minimum(plan[labels == 0].sum(axis=0), plan[labels == 1].sum(axis=0)).sum()  # noqa: E731
    costs = scaled_costs(SOURCE, TARGET)
    plain, apart = plan_of(costs, 0.1), class_plan(costs, labels, 2, 0.1, 1.0)
    np.testing.assert_allclose(class_plan(costs, labels, 2, 0.1, 0.0), plain)
    np.testing.assert_allclose(apart.sum(axis=0), 1 / 17, rtol=0.05)
    assert mixed(apart) < 0.6 * mixed(plain)


def test_rows_go_to_the_barycenter_of_their_target_rows():
    plan = np.array([[0.3, 0.1], [0.0, 0.6]])
    found = transported_rows(plan, np.array([[0.0, 4.0], [8.0, 0.0]]))
    np.testing.assert_allclose(found, [[2.0, 3.0], [8.0, 0.0]], atol=1e-12)


def test_other_rows_move_as_the_nearest_does():
    rows = np.array([[0.0], [1.0], [10.0], [12.0]])
    moved = extended(rows, np.array([0, 2]), np.array([[5.0], [9.0]]))
    assert moved.ravel().tolist() == [5.0, 6.0, 9.0, 11.0]
    assert extended(rows, np.arange(4), rows + 1.0).tolist() == (rows + 1.0).tolist()


def test_costs_have_mean_one():
    costs = scaled_costs(SOURCE, TARGET)
    np.testing.assert_allclose(costs, cdist(SOURCE, TARGET, "sqeuclidean") / cdist(SOURCE, TARGET, "sqeuclidean").mean())
    assert scaled_costs(np.ones((2, 1)), np.ones((3, 1))).tolist() == np.zeros((2, 3)).tolist()


def test_few_rows_are_all_taken_and_many_are_drawn_by_the_seed():
    assert some_rows(5, 7, 0, "source").tolist() == [0, 1, 2, 3, 4]
    drawn = some_rows(50, 7, 0, "source")
    assert len(drawn) == 7
    assert (np.diff(drawn) > 0).all()
    assert drawn.tolist() != some_rows(50, 7, 0, "target").tolist()


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_rotation_is_found(mirrored):
    draw = np.random.default_rng(4)
    rows = np.concatenate([draw.normal(size=(40, 3)) * 0.2 + [2, 0, 1], draw.normal(size=(60, 3)) * [0.3, 0.9, 0.1]])
    rows -= rows.mean(axis=0)
    rotation = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    rotation[:, 0] *= np.sign(np.linalg.det(rotation)) * (-1 if mirrored else 1)
    found = best_rotation(rows, (rows @ rotation)[draw.permutation(100)], 0)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-9)
    assert np.abs(rows @ found - rows @ rotation).mean() < 0.05
