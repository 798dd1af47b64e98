from __future__ import annotations

import pytest
import torch

from headstart.backbones.last_map import last_map, map_stage
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError


@pytest.mark.parametrize(
    ("name", "side"), [("small_cnn", 28), ("timm/test_resnet", 96), ("timm/test_convnext", 96), ("timm/test_efficientnet", 96)]
)
def test_its_mean_over_places_is_what_the_classifier_sees(name: str, side: int) -> None:
    backbone = load_backbone(name, "none", side, seed=3)
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        places = last_map(backbone, backbone.normalized(images))
        features = backbone(images)
    assert places.shape[:2] == features.shape
    assert places.shape[2] > 1
    if "convnext" not in name:  # which normalizes after the mean
        torch.testing.assert_close(places.mean(dim=(2, 3)), features, rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_first_layer_and_no_hook_stays() -> None:
    backbone = load_backbone("small_cnn", "none", 8)
    last_map(backbone, torch.rand(2, 3, 8, 8)).sum().backward()
    first = next(iter(backbone.module.parameters()))
    assert first.grad is not None
    assert first.grad.abs().sum() > 0
    assert not any(module._forward_hooks for module in backbone.module.modules())


def test_maps_with_channels_last_are_turned() -> None:
    backbone = load_backbone("timm/test_mambaout", "none", 96)
    stage, seen = map_stage(backbone), []
    assert stage.layout == "channels last"
    backbone.module.get_submodule(stage.name).register_forward_hook(lambda module, args, result: seen.append(result))
    with torch.no_grad():
        places = last_map(backbone, torch.rand(2, 3, 96, 96))
    height, width, channels = seen[0].shape[1:]
    assert height == width != channels
    assert places.shape == (2, channels, height, width)
    assert torch.equal(places[1, 5, 0, 2], seen[0][1, 0, 2, 5])


def test_a_network_of_sequences_has_none() -> None:
    with pytest.raises(PlanError) as caught:
        map_stage(load_backbone("timm/test_vit", "none"))
    assert str(caught.value) == "timm/test_vit ends in no map of places. Choose a convolutional network, or sim_clr."
