from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from headstart.losses.irm_penalty import irm_penalty

LOGITS = torch.randn(7, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
TARGETS = torch.softmax(torch.randn(7, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64), dim=1)


def slope(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The derivative by a factor on the logits, by automatic differentiation."""
    factor = torch.ones((), dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(functional.cross_entropy(factor * logits, targets), factor, create_graph=True)[0]


def test_by_hand() -> None:
    # Slopes: (1/2 - 1) 0 + 1/2 0 = 0 for a zero row; for [log 3, 0] of class 0, (3/4 - 1) log 3.
    logits = torch.tensor([[3.0, 1.0], [3.0, 1.0]]).log()
    value = float(irm_penalty(logits, torch.tensor([[1.0, 0.0], [0.0, 1.0]])))
    assert value == pytest.approx((-0.25 * 1.0986123) * (0.75 * 1.0986123))


def test_it_equals_automatic_differentiation_of_both_halves() -> None:
    expected = slope(LOGITS[::2], TARGETS[::2]) * slope(LOGITS[1::2], TARGETS[1::2])
    assert float(irm_penalty(LOGITS, TARGETS)) == pytest.approx(float(expected.detach()))


def test_its_gradient_is_the_second_derivative() -> None:
    first, again = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    irm_penalty(first, TARGETS).backward()
    (slope(again[::2], TARGETS[::2]) * slope(again[1::2], TARGETS[1::2])).backward()
    torch.testing.assert_close(first.grad, again.grad)
