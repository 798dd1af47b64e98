from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.backbones.small_resnet import Residual, SmallResNet, widths_of
from headstart.core.errors import PretrainedError


@pytest.mark.parametrize("pixels", [16, 17, 28, 48, 63, 64, 96, 128, 300])
def test_any_side_runs_and_stays_small(pixels: int) -> None:
    network = SmallResNet(pixels, num_classes=3)
    assert network(torch.rand(2, 3, pixels, pixels)).shape == (2, 3)
    assert 15_000 < sum(parameter.numel() for parameter in network.parameters()) < 3_000_000


def test_the_widths_follow_the_side_up_to_the_widest() -> None:
    assert {pixels: widths_of(pixels) for pixels in (16, 48, 64, 96, 300)} == {
        16: [32],
        48: [32, 64],
        64: [32, 64, 128],
        96: [32, 64, 128],
        300: [32, 64, 128, 256, 256],
    }


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_starts_as_its_shortcut(stride: int) -> None:
    block, images = Residual(5, 5 if stride == 1 else 7, stride).eval(), torch.rand(3, 5, 9, 9)
    with torch.inference_mode():
        torch.testing.assert_close(block(images), block.shortcut(images).relu())
    assert isinstance(block.shortcut, torch.nn.Identity) == (stride == 1)


def test_saving_and_loading_keeps_the_network_and_its_side(tmp_path: Path) -> None:
    backbone = load_backbone("small_resnet", "none", 48)
    assert (backbone.feature_width, card_of("small_resnet").provider) == (64, "small_cnn")
    backbone.save(tmp_path)
    loaded, images = Backbone.load(tmp_path), torch.rand(2, 3, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(images), backbone(images))


def test_pretrained_weights_are_refused() -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone("small_resnet")
    assert str(caught.value) == (
        'small_resnet has no weights to transfer, and weights = "pretrained" was given. Set weights to "none".'
    )
