from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.training.sharpness import uphill


def _learner(*parameters: nn.Parameter) -> nn.Module:
    learner = nn.Module()
    for index, parameter in enumerate(parameters):
        learner.register_parameter(f"weight {index}", parameter)
    return learner


def test_parameters_move_by_the_radius_along_the_whole_gradient_and_come_back() -> None:
    first, second, idle = (nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1)))
    learner = _learner(first, second, idle)
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    with uphill(learner, radius=0.5):
        torch.testing.assert_close(first.detach(), torch.tensor([0.3, 0.0]))
        torch.testing.assert_close(second.detach(), torch.tensor([1.0, 1.4, 1.0]))
    assert torch.equal(first.detach(), torch.zeros(2))
    assert torch.equal(second.detach(), torch.ones(3))
    assert torch.equal(idle.detach(), torch.ones(1))


def test_parameters_come_back_after_an_error() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    with pytest.raises(RuntimeError), uphill(_learner(weight), radius=1.0):
        raise RuntimeError
    assert torch.equal(weight.detach(), torch.ones(2))


def test_running_statistics_take_in_a_batch_once() -> None:
    norm = nn.BatchNorm1d(2, momentum=0.25)
    rows = torch.tensor([[1.0, 2.0], [3.0, 8.0], [8.0, 2.0]])
    norm(rows).square().mean().backward()
    once = norm.running_mean.clone()
    with uphill(norm, radius=0.5):
        norm(rows)
    assert torch.equal(norm.running_mean, once)
    assert norm.momentum == 0.25
