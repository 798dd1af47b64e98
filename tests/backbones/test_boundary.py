from __future__ import annotations

import warnings
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary, cuts_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError

NETWORKS = {
    "efficientnet_lite0": 64,
    "small_cnn": 16,
    "timm/test_vit.r160_in1k": 160,
    "timm/test_convnext.r160_in1k": 64,
    "timm/resnet10t.c3_in1k": 64,
    "torchvision/resnet18": 64,
}

each_network = pytest.mark.parametrize("name", NETWORKS)


@cache
def loaded(name: str) -> Backbone:
    return load_backbone(name, "none", NETWORKS[name], seed=1).eval()


@cache
def cuts(name: str, shares: tuple[float, ...] = (0.9, 0.6, 0.2)) -> tuple[str, ...]:
    return cuts_of(loaded(name), shares)


def pictures(backbone: Backbone, number: int = 5) -> Tensor:
    side = backbone.transform.pixels
    generator = torch.Generator().manual_seed(4)
    return torch.randint(0, 256, (number, side, side, 3), dtype=torch.uint8, generator=generator)


class LongSkip(nn.Module):
    """Joins what its first block makes to what its last one does."""

    def __init__(self) -> None:
        super().__init__()
        plan = ((3, 5, 2), (5, 7, 1), (7, 11, 2), (11, 13, 1))
        self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(*widths, 3, stride, 1), nn.ReLU()) for *widths, stride in plan)
        self.classifier = nn.Linear(18, 3)

    def forward(self, images: Tensor) -> Tensor:
        first = self.blocks[0](images)
        last = self.blocks[3](self.blocks[2](self.blocks[1](first)))
        return self.classifier(torch.cat([last.mean(dim=(2, 3)), first.mean(dim=(2, 3))], dim=1))


@each_network
def test_both_parts_are_the_whole_and_earlier_cuts_leave_more_weights_to_train(name: str) -> None:
    backbone = loaded(name)
    images = pictures(backbone)
    order = [backbone.stage_names.index(stage) for stage in cuts(name)]
    assert len(order) >= 2
    assert order == sorted(order, reverse=True)
    frozen = []
    with torch.no_grad():
        whole = backbone(images.permute(0, 3, 1, 2))
        for stage in cuts(name):
            boundary = Boundary(backbone, stage)
            (activation,) = boundary.prefix(images)
            assert activation.shape[1:] == boundary.shape
            torch.testing.assert_close(boundary.suffix(activation), whole, rtol=1e-4, atol=1e-5)
            frozen.append(len(boundary.weights_before()))
    assert frozen == sorted(frozen, reverse=True)
    assert frozen[-1] > 0


@each_network
def test_gradients_are_those_of_the_whole_and_stop_at_the_cut(name: str) -> None:
    backbone = loaded(name).copy()
    images = pictures(backbone, 2)
    boundary = Boundary(backbone, cuts(name)[1])
    frozen = boundary.weights_before()
    backbone(images.permute(0, 3, 1, 2)).square().mean().backward()
    expected = {key: weight.grad for key, weight in backbone.named_parameters() if id(weight) not in frozen}
    backbone.zero_grad(set_to_none=True)
    boundary.suffix(boundary.prefix(images)[0].detach()).square().mean().backward()
    for key, weight in backbone.named_parameters():
        if id(weight) in frozen:
            assert weight.grad is None, key
        elif expected[key] is not None:
            torch.testing.assert_close(weight.grad, expected[key], rtol=1e-3, atol=1e-6)


def test_the_suffix_follows_the_weights_and_leaves_the_activation_and_the_network_alone() -> None:
    name = "timm/resnet10t.c3_in1k"
    backbone = loaded(name).copy()
    images = pictures(backbone)
    boundary = Boundary(backbone, cuts(name)[1])
    with torch.no_grad():
        (activation,) = boundary.prefix(images)
        before = activation.clone()
        list(backbone.parameters())[-3].mul_(2)
        torch.testing.assert_close(boundary.suffix(activation), backbone(images.permute(0, 3, 1, 2)))
    assert torch.equal(activation, before)
    assert not any("forward" in vars(module) for module in backbone.modules())
    assert not any(module._forward_hooks for module in backbone.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "timm/test_vit.r160_in1k"])
def test_the_prefix_can_be_traced(name: str) -> None:
    backbone = loaded(name)
    prefix = Boundary(backbone, cuts(name)[1]).prefix
    images = pictures(backbone, 3)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # shapes become constants, as they should
        (traced,) = torch.jit.trace(prefix, images[:2], check_trace=False)(images)
        torch.testing.assert_close(traced, prefix(images)[0])


def test_a_frozen_backbone_keeps_its_mode() -> None:
    backbone = loaded("small_cnn").copy().train()
    Boundary(backbone, "blocks.0")
    assert all(module.training for module in backbone.modules())


def test_a_stage_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        Boundary(loaded("small_cnn"), "blocks.7")
    assert str(caught.value) == "small_cnn has no stage 'blocks.7'. It has blocks.0, blocks.1."


def test_a_network_with_a_skip_around_the_cut_says_so_and_offers_no_cut_there() -> None:
    torch.manual_seed(0)
    card = load_backbone("small_cnn", "none", 16).card
    transform = load_backbone("small_cnn", "none", 16).transform
    backbone = Backbone(card, LongSkip(), transform, "none")
    stage = backbone.stage_names[0]
    with pytest.raises(PlanError) as caught:
        Boundary(backbone, stage)
    assert str(caught.value) == (
        f"small_cnn cannot be cut behind {stage}: something goes around it. Train all of it, or choose another stage."
    )
    assert stage not in cuts_of(backbone, (0.9, 0.1))
