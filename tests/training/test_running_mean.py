from __future__ import annotations

import pytest
import torch

from headstart.training.running_mean import RunningMean


def test_after_the_first_value_it_is_that_value() -> None:
    value = torch.tensor([3.0, -5.0])
    torch.testing.assert_close(RunningMean(0.97, (2,))(value), value)


def test_later_values_count_as_the_decay_says() -> None:
    mean = RunningMean(0.75)
    values = [2.0, 7.0, -1.0]
    found = [float(mean(torch.tensor(value))) for value in values]
    weights = [0.75**2, 0.75, 1.0]
    for count in (1, 2, 3):
        own = weights[-count:]
        expected = sum(weight * value for weight, value in zip(own, values[:count], strict=True)) / sum(own)
        assert found[count - 1] == pytest.approx(expected, rel=1e-6)


def test_without_decay_only_the_last_value_counts() -> None:
    mean = RunningMean(0.0)
    mean(torch.tensor(9.0))
    assert float(mean(torch.tensor(4.0))) == 4.0


def test_its_state_goes_on_where_it_was_saved_and_no_gradient_is_kept() -> None:
    first, second = RunningMean(0.9, (3,)), RunningMean(0.9, (3,))
    first(torch.tensor([1.0, 2.0, 3.0]))
    second.load_state_dict(first.state_dict())
    value = torch.tensor([5.0, 0.0, -2.0], requires_grad=True)
    found = second(value)
    torch.testing.assert_close(found, first(value))
    assert not found.requires_grad
