from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.l2_sp import l2_sp


def test_by_hand() -> None:
    body = [(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 1.0])), (torch.tensor([[5.0]]), torch.tensor([[4.0]]))]
    head = [torch.tensor([[3.0, 0.0]]), torch.tensor([2.0])]
    # 0.5 / 2 * (0 + 4 + 9 + 1) + 0.2 / 2 * (9 + 4)
    assert float(l2_sp(body, head, alpha=0.5, beta=0.2)) == pytest.approx(3.5 + 1.3)


def test_the_gradient_pulls_the_body_to_its_start_and_the_head_to_zero() -> None:
    weight, start, head = (torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    weight.requires_grad_(True)
    head.requires_grad_(True)
    l2_sp([(weight, start)], [head], alpha=0.7, beta=0.3).backward()
    np.testing.assert_allclose(weight.grad, 0.7 * (weight - start).detach(), rtol=1e-6)
    np.testing.assert_allclose(head.grad, 0.3 * head.detach(), rtol=1e-6)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(0, 10), st.floats(0, 10))
def test_it_is_not_negative_and_zero_at_the_start(seed: int, alpha: float, beta: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    weight, start, head = torch.randn(7, generator=draw), torch.randn(7, generator=draw), torch.randn(3, generator=draw)
    assert float(l2_sp([(weight, start)], [head], alpha, beta)) >= 0
    assert float(l2_sp([(start, start)], [torch.zeros(3)], alpha, beta)) == 0
