from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.distance import cdist

from headstart.losses.distances import squared_distances


def test_they_equal_scipy_s() -> None:
    first, second = np.random.default_rng(1).normal(2, 1, (7, 3)), np.random.default_rng(2).normal(0, 1, (5, 3))
    np.testing.assert_allclose(squared_distances(torch.tensor(first), torch.tensor(second)), cdist(first, second, "sqeuclidean"))


def test_near_rows_far_from_zero_keep_their_distance() -> None:
    first = torch.full((1, 4), 1000.0)
    assert float(squared_distances(first, first + 0.0625)) == 4 * 0.0625**2


def test_equal_rows_have_a_gradient_of_zero() -> None:
    rows = torch.ones(2, 3, requires_grad=True)
    squared_distances(rows, rows.detach()).sum().backward()
    assert not bool(rows.grad.any())
