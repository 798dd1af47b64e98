from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.backbones.source_head import source_head_of, write_source_head
from headstart.core.errors import PlanError


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 16, seed=1).eval()


@pytest.mark.parametrize("name", ["small_cnn", "timm/test_resnet", "timm/test_vit"])
def test_on_features_it_gives_the_network_s_own_scores(name: str) -> None:
    network = load_backbone(name, "none").eval()
    pixels = network.transform.pixels
    images = torch.rand(3, 3, pixels, pixels, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(
            source_head_of(network)(network(images)), network.module(network.normalized(images)), rtol=1e-3, atol=1e-5
        )


def test_it_is_a_copy(backbone: Backbone) -> None:
    before = backbone.module.get_submodule("classifier").weight.clone()
    head = source_head_of(backbone)
    with torch.no_grad():
        head.weight.add_(1.0)
    assert torch.equal(backbone.module.get_submodule("classifier").weight, before)


def test_written_back_the_network_has_it(backbone: Backbone) -> None:
    head = source_head_of(backbone)
    with torch.no_grad():
        head.weight.mul_(2.0).add_(0.3)
        head.bias.sub_(0.7)
    write_source_head(backbone, head)
    found = source_head_of(backbone)
    assert torch.equal(found.weight, head.weight)
    assert torch.equal(found.bias, head.bias)


def test_a_convolution_and_a_missing_bias_are_taken_too() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 7, 3, padding=1), nn.ReLU())
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.head = nn.Conv2d(7, 4, 1, bias=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(self.pool(self.body(images))).flatten(1)

    made = load_backbone("small_cnn", "none", 16)
    torch.manual_seed(2)
    network = Backbone(made.card, Net(), made.transform, "none").eval()
    head = source_head_of(network)
    assert head.weight.shape == (4, 7)
    assert head.bias is None
    with torch.no_grad():
        head.weight.mul_(-1)
    write_source_head(network, head)
    assert torch.equal(source_head_of(network).weight, head.weight)


def test_a_network_without_classifier_is_refused(backbone: Backbone) -> None:
    backbone.anatomy = type(backbone.anatomy)(**{**vars(backbone.anatomy), "classifier": None})
    with pytest.raises(PlanError) as error:
        source_head_of(backbone)
    assert str(error.value) == "small_cnn has no classifier of its own. Choose another network, or l2_sp."


def test_a_classifier_that_does_more_than_one_product_is_refused(backbone: Backbone) -> None:
    backbone.module.register_forward_hook(lambda module, args, result: result.clamp(max=0.01))
    with pytest.raises(PlanError) as error:
        source_head_of(backbone)
    assert str(error.value) == (
        "The classifier that small_cnn was trained with is more than a linear layer on its features. "
        "Choose another network, or l2_sp."
    )
