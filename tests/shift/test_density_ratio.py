from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from headstart.heads.kernel_map import gaussian, median_square
from headstart.shift import density_ratio
from headstart.shift.density_ratio import bounded, kernel_mean_ratio, kliep_ratio, logistic_ratio

RATIOS = [logistic_ratio, kliep_ratio, kernel_mean_ratio]


def rows(num: int, mean: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num, 1)) + mean


@pytest.mark.parametrize("ratio_of", RATIOS)
def test_rows_nearer_to_the_target_weigh_more(ratio_of):
    source, target = rows(211, 0.0, 1), rows(173, 1.0, 2)
    weights = ratio_of(source, target, 0)
    true = np.exp(source[:, 0] - 0.5)
    assert weights.shape == (211,)
    assert (weights >= 0).all()
    assert np.corrcoef(weights, true)[0, 1] > 0.7
    assert np.average(source[:, 0], weights=weights) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("ratio_of", RATIOS)
def test_domains_alike_weigh_rows_about_alike(ratio_of):
    weights = bounded(ratio_of(rows(211, 0.0, 1), rows(173, 0.0, 2), 0))
    assert np.quantile(weights, 0.1) > 0.5
    assert np.quantile(weights, 0.9) < 2.0


@pytest.mark.parametrize("ratio_of", RATIOS)
def test_one_target_row_and_equal_rows_give_finite_weights(ratio_of):
    assert np.isfinite(bounded(ratio_of(rows(7, 0.0, 1), np.array([[0.3]]), 0))).all()
    assert np.isfinite(bounded(ratio_of(np.ones((7, 2)), np.ones((5, 2)), 0))).all()


def test_kernel_mean_weights_solve_the_quadratic_program():
    source, target = rows(17, 0.0, 1), rows(13, 1.0, 2)
    found = kernel_mean_ratio(source, target, 0, bound=3.0)
    gamma = 1.0 / median_square(np.concatenate([source, target]), 0)
    kernel, aim = gaussian(source, source, gamma), gaussian(source, target, gamma).mean(axis=1) * 17
    objective = lambda weights: 0.5 * weights @ kernel @ weights - aim @ weights  # noqa: E731
    sums = {"type": "eq", "fun": lambda weights: weights.mean() - 1.0}
    best = minimize(
        objective, np.ones(17), method="SLSQP", bounds=[(0.0, 3.0)] * 17, constraints=[sums], options={"maxiter": 500}
    )
    assert found.mean() == pytest.approx(1.0)
    assert found.min() >= 0
    assert found.max() <= 3.0 + 1e-9
    assert objective(found) <= best.fun + 1e-3 * abs(best.fun)


def test_of_many_rows_some_are_matched_and_others_follow(monkeypatch):
    source, target = rows(211, 0.0, 1), rows(173, 1.0, 2)
    every = kernel_mean_ratio(source, target, 0)
    monkeypatch.setattr(density_ratio, "MOST_ROWS", 101)
    assert np.corrcoef(kernel_mean_ratio(source, target, 0), every)[0, 1] > 0.5


def test_kliep_weights_have_mean_one():
    assert kliep_ratio(rows(211, 0.0, 1), rows(173, 0.7, 2), 0).mean() == pytest.approx(1.0)


def test_bounds_by_hand():
    assert bounded(np.array([0.0, 1.0, 0.0, 1.0])).tolist() == [1e-3, 2.0, 1e-3, 2.0]
    assert bounded(np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 9.0])).max() == 3.0
    assert bounded(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]
