"""Folding changes nothing that a network that only predicts puts out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.folding import fold_normalizations
from headstart.backbones.loading import load_backbone


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
