"""Stages, classifier and trunk are found from the network, whatever its family."""

from __future__ import annotations

from functools import cache

import pytest
import timm
import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.backbones.stages import anatomy_of, probe_images
from headstart.backbones.trace import layout_of, trace

pytestmark = pytest.mark.slow

TINY = [f"timm/{name}" for name in timm.list_models("test_*")]
SMALL = ["torchvision/mobilenet_v3_small", "torchvision/resnet18", "torchvision/efficientnet_b0", "torchvision/squeezenet1_1"]


@cache
def fresh(name: str) -> Backbone:
    return load_backbone(name, weights="none")


@pytest.mark.parametrize("name", TINY + SMALL)
def test_every_classifier_has_three_to_nine_stages_that_end_in_its_classifiers_input(name: str) -> None:
    backbone = fresh(name)
    side = backbone.card.input_pixels
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    with torch.no_grad():
        outputs = backbone.describe(images)
        penultimate = backbone(images)
        logits = backbone.module(backbone.normalized(images))
    assert 3 <= len(outputs.stages) <= 9
    assert len(outputs.stages) == len(backbone.stage_names)
    assert all(stage.shape[0] == 2 and stage.ndim == 2 and stage.isfinite().all() for stage in outputs.stages)
    torch.testing.assert_close(outputs.stages[-1], penultimate)
    assert backbone.anatomy.classifier is not None
    classifier = backbone.module.get_submodule(backbone.anatomy.classifier)
    assert backbone.feature_width == penultimate.shape[1]
    if isinstance(classifier, nn.Linear):
        torch.testing.assert_close(classifier(penultimate), logits)


@pytest.mark.parametrize("name", [*TINY, *SMALL])
def test_parameter_blocks_hold_every_weight_but_the_classifiers_once(name: str) -> None:
    backbone = fresh(name)
    blocks = backbone.parameter_blocks()
    held = [id(parameter) for _, parameters in blocks for parameter in parameters]
    classifier = backbone.module.get_submodule(str(backbone.anatomy.classifier))
    left_out = {id(parameter) for parameter in classifier.parameters()}
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in backbone.parameters()} - left_out
    assert len(blocks) >= 4
    assert len({block for block, _ in blocks}) == len(blocks)


def test_efficientnet_lite0_has_the_last_block_of_each_resolution_and_each_width_of_the_last() -> None:
    backbone = fresh("efficientnet_lite0")
    names = ("blocks.0.0", "blocks.1.1", "blocks.2.1", "blocks.4.2", "blocks.5.3", "blocks.6.0", "penultimate")
    assert backbone.stage_names == names
    with torch.no_grad():
        outputs = backbone.describe(torch.rand(1, 3, 64, 64))
    assert [stage.shape[1] for stage in outputs.stages] == [16, 24, 40, 112, 192, 320, 1280]
    assert [std.shape[1] for std in outputs.stds] == [16, 24, 40, 112, 192, 320, 1280]  # the last of the map under the last stage


def test_vision_transformer_of_torchvision_is_cut_into_quarters() -> None:
    backbone = load_backbone("torchvision/vit_b_16", weights="none")
    layers = [f"encoder.layers.encoder_layer_{index}" for index in (2, 5, 8)]
    assert backbone.stage_names == (*layers, "encoder.ln", "penultimate")


def test_channels_last_stages_of_swin_are_pooled_over_space() -> None:
    backbone = load_backbone("torchvision/swin_t", weights="none")
    assert {stage.layout for stage in backbone.anatomy.stages} == {"channels last"}
    with torch.no_grad():
        widths = [stage.shape[1] for stage in backbone.describe(torch.zeros(1, 3, 224, 224)).stages]
    assert set(widths) == {96, 192, 384, 768}


class _InPlaceSum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(7, 7, 3, padding=1)
        self.second = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        out = self.first(images)
        out += images
        return self.second(out)


def test_in_place_sum_is_not_mistaken_for_a_chain() -> None:
    assert not trace(_InPlaceSum(), torch.randn(3, 7, 5, 5)).is_sequence


def test_plain_sequence_is_a_chain() -> None:
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(inplace=True), nn.Conv2d(7, 5, 3))
    assert trace(network, torch.randn(3, 3, 11, 11)).is_sequence


def test_tracing_restores_modes_and_leaves_no_hooks() -> None:
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.Dropout())
    network[1].eval()
    network[2].train()
    before = network[1].running_mean.clone()
    trace(network, probe_images(11))
    assert [module.training for module in network] == [True, False, True]
    assert torch.equal(network[1].running_mean, before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_network_without_classifier_ends_in_its_output() -> None:
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    anatomy = anatomy_of(network, 13)
    assert anatomy.classifier is None
    assert anatomy.width == 7
    assert anatomy.num_source_classes == 0


@pytest.mark.parametrize(
    ("shape", "before", "layout"),
    [
        ((3, 17, 5, 5), None, "channels first"),
        ((3, 5, 5, 17), None, "channels last"),
        ((3, 7, 7, 7), None, "channels first"),
        ((3, 7, 7, 7), "channels last", "channels last"),
        ((3, 11, 17), None, "tokens"),
        ((3, 17), None, "flat"),
        ((3, 2, 5, 7), None, None),
        ((3, 2, 5, 7, 11), None, None),
    ],
)
def test_layout_is_read_from_the_square(shape: tuple[int, ...], before: str | None, layout: str | None) -> None:
    assert layout_of(shape, before) == layout  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["torchvision/resnet18", "timm/test_vit", "timm/test_convnext"])
def test_stds_are_taken_over_places_and_include_those_of_the_last_map(name: str) -> None:
    backbone = fresh(name)
    side = backbone.card.input_pixels
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    seen: list[Tensor] = []
    watched = [*backbone.anatomy.stages, *([backbone.anatomy.last_map] if backbone.anatomy.last_map else [])]
    handles = [
        backbone.module.get_submodule(stage.name).register_forward_hook(lambda module, args, result: seen.append(result.clone()))
        for stage in watched
    ]
    with torch.no_grad():
        stds = backbone.describe(images).stds
    for handle in handles:
        handle.remove()
    assert len(stds) == len(watched) >= 3
    for std, stage, result in zip(stds, watched, seen, strict=True):
        axes = {"channels first": (2, 3), "channels last": (1, 2), "tokens": (1,)}[stage.layout]
        torch.testing.assert_close(std, result.var(dim=axes, correction=0).sqrt())
