"""Folding changes neither what a network puts out nor, where it is trained, its gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.folding import fold_normalizations, foldable_pairs, folded
from headstart.backbones.loading import load_backbone
from headstart.backbones.trace import trace


def _shaken(network: nn.Module) -> nn.Module:
    """Normalizations with statistics of their own: those of a new network change nothing."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.5, 0.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "fewest"), [("timm/test_efficientnet", 10), ("timm/test_resnet", 8), ("torchvision/resnet18", 20)]
)
def test_outputs_stay(name: str, fewest: int) -> None:
    network = _shaken(load_backbone(name, weights="none", input_pixels=32).module)
    inputs = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = network(inputs)
        assert fold_normalizations(network, inputs[:2]) >= fewest
        torch.testing.assert_close(network(inputs), before, rtol=1e-3, atol=1e-4)


def test_a_convolution_that_others_read_is_left_alone() -> None:
    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.other = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            made = self.conv(inputs)
            return self.norm(made) + self.other(made)

    network = _shaken(Branched())
    with torch.no_grad():
        assert fold_normalizations(network, torch.randn(2, 3, 5, 5)) == 0


def test_a_convolution_called_twice_is_left_alone() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.first, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.second(self.conv(self.first(self.conv(inputs))))

    network = _shaken(Twice())
    inputs = torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        before = network(inputs)
        assert fold_normalizations(network, inputs) == 0
        torch.testing.assert_close(network(inputs), before)


def _gradients(network: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    network.zero_grad()
    outputs = network(inputs)
    outputs.square().sum().backward()
    return outputs.detach(), {name: weight.grad.clone() for name, weight in network.named_parameters()}


@pytest.mark.parametrize("name", ["timm/test_efficientnet", "torchvision/resnet18"])
def test_gradients_stay_where_statistics_are_kept(name: str) -> None:
    network = _shaken(load_backbone(name, weights="none", input_pixels=32).module).double()
    inputs = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()
    pairs = foldable_pairs(trace(network, inputs[:3]))
    before, expected = _gradients(network, inputs)
    calls: list[int] = []
    hooks = [network.get_submodule(norm).register_forward_hook(lambda *_: calls.append(1)) for _, norm in pairs]
    with folded(network, pairs):
        after, found = _gradients(network, inputs)
    assert len(calls) == len(pairs) > 7
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-8, atol=1e-8 * float(gradient.abs().max()), msg=key)
    for hook in hooks:
        hook.remove()
    assert not any("forward" in vars(module) for module in network.modules())


def test_a_normalization_that_learns_its_statistics_runs_as_always() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    inputs = torch.randn(7, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    pairs = foldable_pairs(trace(network, inputs))
    assert pairs == [("0", "1")]
    network.train()
    with folded(network, pairs):
        outputs = network(inputs)
    torch.testing.assert_close(outputs.mean(dim=(0, 2, 3)), torch.zeros(5), atol=1e-6, rtol=0)
    assert int(network[1].num_batches_tracked) == 1


def test_a_parametrized_convolution_is_left_alone() -> None:
    network = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 5, 3)), nn.BatchNorm2d(5)).eval()
    assert foldable_pairs(trace(network, torch.randn(3, 3, 9, 9))) == []
