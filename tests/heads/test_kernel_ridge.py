from __future__ import annotations

import numpy as np

from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.heads.ridge_leave_one_out import fit_ridge


def rings(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, num)
    angles = draw.random(num) * 2 * np.pi
    radius = 1.0 + labels + 0.15 * draw.normal(size=num)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1), labels


def test_leave_one_out_chooses_a_kernel_map_for_rings():
    rows, labels = rings(211, 0)
    found = fit_kernel_ridge(rows, labels, 2, seed=3)
    assert found.kernel_map is not None
    assert found.width in (0.1, 0.3, 1.0)
    new, truth = rings(101, 1)
    assert (found.scores(new).argmax(axis=1) == truth).mean() > 0.95
    straight = fit_kernel_ridge(rows, labels, 2, width=0.0)
    assert (straight.scores(new).argmax(axis=1) == truth).mean() < 0.7


def test_linear_classes_get_no_kernel_map():
    draw = np.random.default_rng(5)
    rows = draw.normal(size=(173, 7))
    labels = (rows[:, 0] + 0.5 * draw.normal(size=173) > 0).astype(int)
    found = fit_kernel_ridge(rows, labels, 2)
    assert found.kernel_map is None
    np.testing.assert_array_equal(found.fit.weight, fit_ridge(rows, labels, 2).weight)
    assert fit_kernel_ridge(rows, labels, 2, width=0.5).width == 0.5


def test_weights_and_groups_reach_the_fit():
    rows, labels = rings(61, 0)
    weights, groups = np.linspace(0.1, 2, 61), np.arange(61) // 2
    found = fit_kernel_ridge(rows, labels, 2, weights, groups, width=0.0)
    np.testing.assert_array_equal(found.fit.weight, fit_ridge(rows, labels, 2, weights, groups).weight)
    assert len(found.losses(labels, groups)) == 61
