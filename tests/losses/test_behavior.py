from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.behavior import behavior_distance, channel_attention, removal_losses


def maps_of(seed: int) -> torch.Tensor:
    return torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(seed)) + 0.3


def test_by_hand() -> None:
    maps, source = torch.tensor([[[1.0, 3.0], [0.0, 4.0]]]), torch.zeros(1, 2, 2)
    # 1/2 * 2 channels * (0.25 * (1 + 9) / 2 + 0.75 * 16 / 2)
    assert float(behavior_distance(maps, source, torch.tensor([0.25, 0.75]))) == pytest.approx(7.25)


def test_it_equals_loops() -> None:
    maps, source, attention = maps_of(1), maps_of(2), torch.softmax(torch.arange(5.0), 0)
    expected = 0.0
    for picture in range(3):
        for channel in range(5):
            distance = np.mean((maps[picture, channel].numpy() - source[picture, channel].numpy()) ** 2)
            expected += 0.5 * 5 * float(attention[channel]) * distance / 3
    assert float(behavior_distance(maps, source, attention)) == pytest.approx(expected, rel=1e-5)


def test_no_gradient_reaches_the_source() -> None:
    maps, source = maps_of(1).requires_grad_(True), maps_of(2).requires_grad_(True)
    behavior_distance(maps, source, torch.full((5,), 0.2)).backward()
    assert source.grad is None
    np.testing.assert_allclose(maps.grad, (maps - source).detach() / 21, rtol=1e-5)


@given(st.integers(0, 10_000))
def test_it_is_not_negative_and_zero_for_equal_maps(seed: int) -> None:
    maps, attention = maps_of(seed), channel_attention(maps_of(seed + 1)[0, :, 0])
    assert float(behavior_distance(maps, maps_of(seed + 2), attention)) > 0
    assert float(behavior_distance(maps, maps, attention)) == 0


def test_what_a_channel_s_removal_costs_is_exact_for_a_linear_loss() -> None:
    maps, slopes = maps_of(1).requires_grad_(True), maps_of(2)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return (values * slopes).sum() + 4

    (gradients,) = torch.autograd.grad(loss(maps), maps)
    found = removal_losses(maps.detach(), gradients)
    for channel in range(5):
        removed = maps.detach().clone()
        removed[:, channel] = 0
        assert float(found[channel]) == pytest.approx(float(loss(removed) - loss(maps.detach())), abs=1e-4)


def test_attention_is_larger_where_more_is_lost() -> None:
    attention = channel_attention(torch.tensor([0.0, np.log(3.0)]))
    np.testing.assert_allclose(attention, [0.25, 0.75], rtol=1e-6)
