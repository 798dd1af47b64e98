from __future__ import annotations

import numpy as np
import pytest

from headstart.heads import kernel_map as module
from headstart.heads.kernel_map import KernelMap, gaussian, median_square


def rows(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num, 3)) * [1.0, 2.0, 0.5]


def test_the_kernel_by_hand():
    assert gaussian(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]]), 0.1).tolist() == [[np.exp(-2.5), 1.0]]


def test_with_every_row_as_landmark_inner_products_are_the_kernel():
    given = rows(37)
    mapped = KernelMap.of(given, 0.3, 5).rows(given)
    np.testing.assert_allclose(mapped @ mapped.T, gaussian(given, given, 0.3), atol=1e-6)


def test_landmarks_alone_are_exact_where_there_are_more_rows(monkeypatch):
    monkeypatch.setattr(module, "NUM_LANDMARKS", 11)
    given = rows(53)
    found = KernelMap.of(given, 0.3, 5)
    assert len(found.landmarks) == 11
    mapped = found.rows(found.landmarks)
    np.testing.assert_allclose(mapped @ mapped.T, gaussian(found.landmarks, found.landmarks, 0.3), atol=1e-6)
    assert not np.array_equal(KernelMap.of(given, 0.3, 6).landmarks, found.landmarks)


def test_equal_rows_leave_one_direction():
    assert KernelMap.of(np.ones((7, 2)), 1.0, 0).normalization.shape == (7, 1)


def test_the_median_of_squared_distances():
    assert median_square(np.array([[0.0], [1.0], [3.0]]), 0) == 4.0
    assert median_square(np.zeros((5, 2)), 0) == 1.0
    assert median_square(np.zeros((1, 2)), 0) == 1.0
    assert median_square(rows(2_003), 1) == pytest.approx(median_square(rows(2_003), 2), rel=0.1)
