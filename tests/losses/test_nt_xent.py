from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.nt_xent import nt_xent


def drawn(seed: int, count: int = 5, width: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=draw) + 0.5, 2 * torch.randn(count, width, generator=draw) - 0.3


def by_loops(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    views = [row / np.linalg.norm(row) for row in (*first, *second)]
    count, losses = len(first), []
    for one, view in enumerate(views):
        partner = (one + count) % (2 * count)
        shares = {other: math.exp(view @ views[other] / temperature) for other in range(2 * count) if other != one}
        losses.append(-math.log(shares[partner] / sum(shares.values())))
    return float(np.mean(losses))


def test_by_hand() -> None:
    # Two pictures, each with equal views, at right angles: the partner has cosine 1, the other two views have 0.
    views = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    expected = math.log(math.exp(2) + 2) - 2
    assert float(nt_xent(views, 7 * views, 0.5)) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 3.0])
def test_it_equals_loops(temperature: float) -> None:
    first, second = drawn(1)
    expected = by_loops(first.double().numpy(), second.double().numpy(), temperature)
    assert float(nt_xent(first, second, temperature)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow  # to import lightly
@pytest.mark.filterwarnings("ignore")
def test_it_equals_the_loss_of_lightly() -> None:
    lightly = pytest.importorskip("lightly.loss")
    first, second = drawn(2, 11, 7)
    expected = float(lightly.NTXentLoss(temperature=0.3)(first, second))
    assert float(nt_xent(first, second, 0.3)) == pytest.approx(expected, rel=1e-5)


def test_projections_that_are_all_equal_cost_the_log_of_the_others() -> None:
    same = torch.full((7, 3), 0.4)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(math.log(13))


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0.1, 5), st.floats(0.1, 10))
def test_neither_scale_nor_order_nor_the_role_of_the_views_matters(seed: int, temperature: float, scale: float) -> None:
    first, second = drawn(seed)
    loss = float(nt_xent(first, second, temperature))
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    assert float(nt_xent(scale * second[order], first[order], temperature)) == pytest.approx(loss, rel=1e-4, abs=1e-5)
    assert loss >= 0


def test_a_gradient_step_brings_views_together_and_others_apart() -> None:
    first, second = (views.requires_grad_(True) for views in drawn(3))
    nt_xent(first, second, 0.5).backward()

    def margins(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        cosines = torch.nn.functional.cosine_similarity(one[:, None], other[None], dim=2)
        return cosines.diagonal().mean() - (cosines.sum() - cosines.trace()) / 20

    with torch.no_grad():
        assert margins(first - 0.1 * first.grad, second - 0.1 * second.grad) > margins(first, second)
