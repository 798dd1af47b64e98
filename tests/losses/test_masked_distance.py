from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.losses.masked_distance import masked_distance


def pictures(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(seed))


def test_by_hand() -> None:
    predicted, wanted = torch.zeros(1, 2, 1, 3), torch.tensor([[[[1.0, -2.0, 9.0]], [[3.0, 4.0, 9.0]]]])
    hidden = torch.tensor([[[[True, True, False]]]])
    assert float(masked_distance(predicted, wanted, hidden)) == pytest.approx((1 + 2 + 3 + 4) / 4)


def test_it_is_the_mean_over_hidden_numbers_of_unequally_hidden_pictures() -> None:
    predicted, wanted = pictures(1), pictures(2)
    hidden = torch.zeros(2, 1, 5, 7, dtype=torch.bool)
    hidden[0, :, :2], hidden[1, :, 4, 3] = True, True
    places = hidden.expand(2, 3, 5, 7).numpy()
    expected = np.abs(predicted.numpy() - wanted.numpy())[places].mean()
    assert float(masked_distance(predicted, wanted, hidden)) == pytest.approx(expected, rel=1e-5)


def test_what_is_in_sight_costs_nothing_and_gets_no_gradient() -> None:
    predicted, wanted = pictures(3).requires_grad_(True), pictures(4)
    hidden = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(5)) < 0.5
    masked_distance(predicted, wanted, hidden).backward()
    assert torch.equal(predicted.grad != 0, hidden.expand_as(predicted))
    assert float(masked_distance(torch.where(hidden, wanted, predicted.detach()), wanted, hidden)) == 0
