from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.training.sharpness import uphill


def test_parameters_move_by_the_radius_along_the_whole_gradient_and_come_back() -> None:
    first, second, idle = (nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1)))
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    with uphill([first, second, idle], radius=0.5):
        torch.testing.assert_close(first.detach(), torch.tensor([0.3, 0.0]))
        torch.testing.assert_close(second.detach(), torch.tensor([1.0, 1.4, 1.0]))
    assert torch.equal(first.detach(), torch.zeros(2))
    assert torch.equal(second.detach(), torch.ones(3))
    assert torch.equal(idle.detach(), torch.ones(1))


def test_parameters_come_back_after_an_error() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    with pytest.raises(RuntimeError), uphill([weight], radius=1.0):
        raise RuntimeError
    assert torch.equal(weight.detach(), torch.ones(2))
