from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from headstart.losses.batch_spectral_penalization import batch_spectral_penalization


def test_by_hand() -> None:
    features = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    assert float(batch_spectral_penalization(features, 1)) == pytest.approx(9)
    assert float(batch_spectral_penalization(features, 5)) == pytest.approx(13)


@pytest.mark.parametrize(("rows", "width"), [(7, 11), (11, 5)])
@pytest.mark.parametrize("num_largest", [1, 3])
def test_it_equals_the_eigenvalues_of_the_gram_matrix(rows: int, width: int, num_largest: int) -> None:
    matrix = np.random.default_rng(3).normal(0.5, 1, (rows, width))
    expected = scipy.linalg.eigh(matrix.T @ matrix, eigvals_only=True)[::-1][:num_largest].sum()
    assert float(batch_spectral_penalization(torch.tensor(matrix), num_largest)) == pytest.approx(expected, rel=1e-5)


def test_repeated_rows_have_a_gradient() -> None:
    features = torch.randn(3, 5)[[0, 1, 1, 2]].requires_grad_(True)
    batch_spectral_penalization(features, 4).backward()
    assert bool(features.grad.isfinite().all())
