from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.batch_spectral_shrinkage import batch_spectral_shrinkage


def features_of(seed: int, rows: int = 7, width: int = 11) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) + 0.5


def test_by_hand() -> None:
    features = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    assert float(batch_spectral_shrinkage(features, 1)) == pytest.approx(4)
    assert float(batch_spectral_shrinkage(features, 2)) == pytest.approx(13)


@pytest.mark.parametrize(("rows", "width"), [(7, 11), (11, 5)])
@pytest.mark.parametrize("num_smallest", [1, 3])
def test_it_equals_the_eigenvalues_of_the_gram_matrix(rows: int, width: int, num_smallest: int) -> None:
    features = features_of(3, rows, width)
    matrix = features.double().numpy()
    gram = matrix @ matrix.T if rows < width else matrix.T @ matrix
    expected = scipy.linalg.eigh(gram, eigvals_only=True)[:num_smallest].sum()
    assert float(batch_spectral_shrinkage(features, num_smallest)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("num_smallest", [1, 2])
def test_its_gradient_is_that_of_the_whole_decomposition(num_smallest: int) -> None:
    features, again = features_of(5).requires_grad_(True), features_of(5).double().requires_grad_(True)
    batch_spectral_shrinkage(features, num_smallest).backward()
    left, values, right = torch.linalg.svd(again, full_matrices=False)
    ((left.T @ again @ right.T).diagonal()[-num_smallest:] * values[-num_smallest:]).sum().backward()
    np.testing.assert_allclose(features.grad, again.grad, atol=1e-5)


def test_repeated_rows_have_a_gradient() -> None:
    features = features_of(2)[[0, 1, 1, 2]].requires_grad_(True)
    loss = batch_spectral_shrinkage(features, 1)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-9)
    assert torch.isfinite(features.grad).all()


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_it_lies_between_zero_and_the_squared_norm(seed: int, num_smallest: int) -> None:
    features = features_of(seed)
    assert 0 <= batch_spectral_shrinkage(features, num_smallest).item() <= features.square().sum().item() * (1 + 1e-5)
