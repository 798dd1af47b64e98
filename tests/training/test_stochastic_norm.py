from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.training.stochastic_norm import StochasticNorm, make_plain, make_stochastic

IMAGES = 3 * torch.randn(7, 5, 3, 2, generator=torch.Generator().manual_seed(1)) + 2


def norm_of(momentum: float = 0.1) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(5, momentum=momentum)
    with torch.no_grad():
        norm.weight.copy_(torch.arange(1.0, 6))
        norm.bias.copy_(torch.arange(5.0) - 2)
        norm.running_mean.copy_(torch.arange(5.0))
        norm.running_var.copy_(torch.arange(2.0, 7))
    return norm


def by(mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    norm = norm_of()
    shown = (IMAGES - mean.view(1, -1, 1, 1)) / (variance.view(1, -1, 1, 1) + norm.eps).sqrt()
    return (shown * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)).detach()


def by_batch() -> torch.Tensor:
    return by(IMAGES.mean(dim=(0, 2, 3)), IMAGES.var(dim=(0, 2, 3), unbiased=False))


def by_moving() -> torch.Tensor:
    return by(torch.arange(5.0), torch.arange(2.0, 7))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_at_its_ends_one_kind_of_statistics_is_used(share: float) -> None:
    found = StochasticNorm(norm_of(), share).train()(IMAGES).detach()
    torch.testing.assert_close(found, by_batch() if share else by_moving(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_each_channel_is_drawn_by_itself_as_often_as_the_share_says() -> None:
    layer = StochasticNorm(norm_of(momentum=0.0), 0.3).train()
    torch.manual_seed(4)
    drawn = []
    for _ in range(400):
        found = layer(IMAGES).detach()
        is_batch = torch.isclose(found, by_batch(), atol=1e-3).flatten(2).all(2).all(0)
        is_moving = torch.isclose(found, by_moving(), atol=1e-3).flatten(2).all(2).all(0)
        assert bool((is_batch ^ is_moving).all())
        drawn.append(is_batch)
    shares = torch.stack(drawn).float().mean(0)
    assert float((shares - 0.3).abs().max()) < 0.08  # 3.5 standard errors
    assert len({tuple(each.tolist()) for each in drawn}) > 10


def test_moving_statistics_follow_as_in_plain_batch_normalization() -> None:
    layer, plain = StochasticNorm(norm_of(), 0.5).train(), norm_of().train()
    for _ in range(3):
        layer(IMAGES)
        plain(IMAGES)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(layer.norm.get_buffer(name), buffer)


def test_in_evaluation_it_is_the_layer_that_it_was_made_of() -> None:
    layer = StochasticNorm(norm_of(), 0.5).train()
    layer(IMAGES)
    torch.testing.assert_close(layer.eval()(IMAGES), layer.norm(IMAGES))
    assert not layer.norm.training


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_gradients_are_those_of_the_normalization_in_use(share: float) -> None:
    inputs = IMAGES.clone().requires_grad_()
    weights = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(2))
    (StochasticNorm(norm_of(), share).train()(inputs) * weights).sum().backward()
    other = IMAGES.clone().requires_grad_()
    (norm_of().train(bool(share))(other) * weights).sum().backward()
    torch.testing.assert_close(inputs.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_every_norm_is_turned_and_turned_back() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 1), norm_of(), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(5), nn.LayerNorm(2)))
    norms = [network[1], network[2][1]]
    names = list(network.state_dict())
    make_stochastic(network, 0.4)
    assert [type(part) for part in network] == [nn.Conv2d, StochasticNorm, nn.Sequential]
    assert [part.batch_share for part in network.modules() if isinstance(part, StochasticNorm)] == [0.4, 0.4]
    make_plain(network)
    assert [network[1], network[2][1]] == norms
    assert list(network.state_dict()) == names
