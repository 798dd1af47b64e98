"""The packaged weights are whole, rightly named and see what is in photographs."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_images

from headstart.backbones.loading import load_backbone
from headstart.backbones.providers import packaged
from headstart.backbones.providers.packaged import packaged_file, renamed
from headstart.backbones.state_dicts import read_state_dict
from headstart.core.errors import PretrainedError
from headstart.data.images import ArrayImages

NAMES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
TEMPLES = {442, 663, 698, 832}
"""Bell cote, monastery, palace, stupa."""
BLOSSOMS = {309, 985}
"""Bee, daisy."""


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_has_its_name_and_shape_in_timm(name: str) -> None:
    state = renamed(read_state_dict(packaged_file(name)), packaged._DEPTHS[name])
    expected = timm.create_model(f"tf_{name}", pretrained=False).state_dict()
    assert {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in expected.items()}


@pytest.mark.parametrize("name", NAMES)
def test_names_agree_with_the_order_of_the_tensors(name: str) -> None:
    by_position = read_state_dict(packaged_file(name)).values()
    by_name = load_backbone(name).module.state_dict().values()
    assert all(torch.equal(first, second) for first, second in zip(by_name, by_position, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_card_counts_the_weights(name: str) -> None:
    backbone = load_backbone(name, weights="none", input_pixels=64)
    assert backbone.card.num_parameters == sum(parameter.numel() for parameter in backbone.module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_photographs_get_sensible_labels(name: str) -> None:
    backbone = load_backbone(name)
    images = ArrayImages(np.stack(load_sample_images().images), "photographs", np.arange(2))
    pixels = backbone.transform.apply(images, np.arange(2))
    with torch.inference_mode():
        logits = backbone.describe(torch.from_numpy(pixels).permute(0, 3, 1, 2)).source_logits
    assert logits is not None
    best = logits.topk(3).indices.tolist()
    assert best[0][0] in TEMPLES
    assert set(best[1]) & BLOSSOMS


def test_tensor_that_no_rule_renames_is_an_error() -> None:
    with pytest.raises(PretrainedError) as caught:
        renamed({"_blocks.0._expand_conv.weight": torch.zeros(1)}, (1, 2))
    expected = 'The packaged weights hold a tensor "_blocks.0._expand_conv.weight" that no rule renames. Install headstart again.'
    assert str(caught.value) == expected


def test_file_with_another_hash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = packaged._LITES["efficientnet_lite0"]
    monkeypatch.setitem(packaged._LITES, "efficientnet_lite0", entry._replace(sha256="0" * 64))
    with pytest.raises(
        PretrainedError, match=r"its SHA-256 starts with 579344248a93e230 and should start with 0000000000000000\."
    ):
        packaged_file("efficientnet_lite0")
