from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel

from headstart.losses.mmd import WIDTHS, gaussian_kernel, mmd


def rows(seed: int, number: int, offset: float = 0.0, width: int = 3) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + offset


def test_by_hand() -> None:
    # Squared distances 4, 9 and 1; their median is 4.
    source, target = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0]])

    def kernel(square: float) -> float:
        return sum(math.exp(-square / (4 * width)) for width in (0.25, 0.5, 1, 2, 4)) / 5

    expected = (2 + 2 * kernel(4)) / 4 + 1 - 2 * (kernel(9) + kernel(1)) / 2
    assert float(mmd(source, target)) == pytest.approx(expected, rel=1e-6)


def test_it_equals_loops_over_scikit_learn_s_kernels() -> None:
    source, target = rows(1, 7), rows(2, 5, 0.7)
    both = torch.cat([source, target]).numpy()
    squares = [float(((one - other) ** 2).sum()) for one, other in itertools.combinations(both, 2)]
    kernel = np.mean([rbf_kernel(both, gamma=1 / (width * statistics.median_low(squares))) for width in WIDTHS], axis=0)
    expected = kernel[:7, :7].mean() + kernel[7:, 7:].mean() - 2 * kernel[:7, 7:].mean()
    assert float(mmd(source, target)) == pytest.approx(expected, rel=1e-9)


def test_the_same_rows_in_another_order_are_no_distance_away_and_have_a_gradient() -> None:
    source = rows(3, 6).requires_grad_()
    loss = mmd(source, source.detach()[[3, 1, 5, 0, 2, 4]])
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert source.grad is not None
    assert bool(source.grad.isfinite().all())


def test_rows_that_are_all_the_same_are_finite() -> None:
    assert float(mmd(torch.ones(3, 2), torch.ones(2, 2))) == pytest.approx(0)


def test_the_gradient_moves_the_domains_together() -> None:
    source, target = rows(4, 9).requires_grad_(), rows(5, 7, 2.0)
    before = mmd(source, target)
    before.backward()
    with torch.no_grad():
        assert mmd(source - 0.5 * source.grad, target) < before


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(2, 8), st.integers(2, 8), st.floats(-3, 3))
def test_it_is_symmetric_not_negative_and_blind_to_scale(seed: int, first: int, second: int, offset: float) -> None:
    source, target = rows(seed, first), rows(seed + 1, second, offset)
    value = float(mmd(source, target))
    assert value >= -1e-12
    assert value == pytest.approx(float(mmd(target, source)), abs=1e-12)
    assert value == pytest.approx(float(mmd(10 * source, 10 * target)), abs=1e-9)


def test_the_kernel_has_ones_on_the_diagonal() -> None:
    kernel = gaussian_kernel(rows(6, 5))
    torch.testing.assert_close(kernel.diagonal(), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(kernel, kernel.T)
