from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.backbones.small_cnn import SmallCnn, plan_of
from headstart.core.errors import PretrainedError


@pytest.mark.parametrize("pixels", [4, 5, 7, 8, 11, 16, 28, 31, 32, 48, 64, 96])
def test_any_side_runs_and_stays_small(pixels: int) -> None:
    network = SmallCnn(pixels, num_classes=3)
    assert network(torch.rand(2, 3, pixels, pixels)).shape == (2, 3)
    assert 15_000 < sum(parameter.numel() for parameter in network.parameters()) < 1_500_000


@pytest.mark.parametrize("pixels", [8, 16, 28, 32, 64, 96])
def test_the_last_block_sees_at_least_two_and_fewer_than_eight_pixels(pixels: int) -> None:
    side = pixels
    for _, halve in plan_of(pixels):
        side = side // 2 if halve else side
    assert 2 <= side < 8


def test_loading_gives_a_network_for_the_side_asked_and_the_seed() -> None:
    small, large = load_backbone("small_cnn", "none", 8), load_backbone("small_cnn", "none", 64)
    assert (small.feature_width, large.feature_width) == (128, 256)
    assert small.weights_hash == load_backbone("small_cnn", "none", 8).weights_hash
    assert small.weights_hash != load_backbone("small_cnn", "none", 8, seed=1).weights_hash


def test_one_gray_channel_equals_three() -> None:
    backbone = load_backbone("small_cnn", "none", 8)
    gray = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(backbone(gray), backbone(gray.expand(-1, 3, -1, -1)))


def test_saving_and_loading_keeps_the_side(tmp_path: Path) -> None:
    backbone = load_backbone("small_cnn", "none", 28)
    backbone.save(tmp_path)
    loaded, images = Backbone.load(tmp_path), torch.rand(2, 3, 28, 28)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(images), backbone(images))


def test_pretrained_weights_are_refused() -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone("small_cnn")
    assert str(caught.value) == (
        'small_cnn has no weights to transfer, and weights = "pretrained" was given. Set weights to "none".'
    )
    assert card_of("small_cnn").provider == "small_cnn"
