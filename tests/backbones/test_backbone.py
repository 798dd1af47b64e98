"""A backbone normalizes, describes, trains, copies and saves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.backbones.backbone import Backbone, hash_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PretrainedError


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("timm/test_resnet", weights="none", input_pixels=64)


def _images(rows: int = 3, side: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (rows, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def test_bytes_and_their_fractions_give_the_same_features(backbone: Backbone) -> None:
    with torch.no_grad():
        torch.testing.assert_close(backbone(_images()), backbone(_images().float() / 255))


@pytest.mark.slow
def test_normalization_uses_the_cards_mean_and_deviation() -> None:
    backbone = load_backbone("efficientnet_lite0", weights="none", input_pixels=32)
    pixels = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    torch.testing.assert_close(backbone.normalized(pixels).flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_feature_vectors_pass_as_they_are(backbone: Backbone) -> None:
    rows = torch.randn(5, 11)
    assert torch.equal(backbone(rows), rows)


def test_gradients_reach_every_block_and_not_the_classifier(backbone: Backbone) -> None:
    outputs = backbone.train().describe(_images(5))
    sum(stage.square().mean() for stage in outputs.stages).backward()  # type: ignore[union-attr]
    for name, parameters in backbone.parameter_blocks():
        assert all(parameter.grad is not None for parameter in parameters), name
    classifier = backbone.module.get_submodule(str(backbone.anatomy.classifier))
    assert all(parameter.grad is None for parameter in classifier.parameters())


def test_batch_statistics_follow_the_mode(backbone: Backbone) -> None:
    before = hash_of(backbone.module)
    with torch.no_grad():
        backbone.eval()(_images())
        assert hash_of(backbone.module) == before
        backbone.train()(_images())
    assert hash_of(backbone.module) != before


def test_copy_is_independent_and_refreshed_takes_the_hash_again(backbone: Backbone) -> None:
    copy = backbone.copy()
    with torch.no_grad():
        next(copy.module.parameters()).add_(1.0)
    before = backbone.weights_hash
    assert hash_of(backbone.module) == before
    assert copy.weights_hash == before
    assert copy.refreshed().weights_hash == hash_of(copy.module) != before


def test_source_logits_are_the_networks_output_only_where_its_classes_mean_something(backbone: Backbone) -> None:
    assert backbone.describe(_images()).source_logits is None
    named = Backbone(backbone.card, backbone.module, backbone.transform, "pretrained").eval()
    with torch.no_grad():
        logits = named.describe(_images()).source_logits
        torch.testing.assert_close(logits, named.module(named.normalized(_images())))
    assert named.refreshed().describe(_images()).source_logits is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["timm/test_resnet", "timm/test_vit", "torchvision/mobilenet_v3_small", "efficientnet_lite0"])
def test_saved_backbone_gives_equal_features_without_its_source(name: str, tmp_path: Path) -> None:
    backbone = load_backbone(name, weights="none")
    side = backbone.transform.pixels
    backbone.save(tmp_path / "kept")
    again = Backbone.load(tmp_path / "kept")
    with torch.no_grad():
        assert torch.equal(again(_images(2, side)), backbone(_images(2, side)))
    assert again.stage_names == backbone.stage_names
    assert again.weights_hash == backbone.weights_hash
    assert again.card == backbone.card
    assert again.transform == backbone.transform
    assert not again.training


def test_folder_without_a_backbone_is_named(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError) as caught:
        Backbone.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no whole backbone ([Errno 2] No such file or directory: '{tmp_path}/card.json'). Fit the run again."
    )


@pytest.mark.parametrize("fault", ["gone", "cut short", "of another network", "not finite"])
def test_folder_without_whole_weights_is_named(fault: str, tmp_path: Path) -> None:
    backbone = load_backbone("small_cnn", "none", 11)
    backbone.save(tmp_path)
    path = tmp_path / "weights.safetensors"
    whole, state = path.read_bytes(), load_file(path)
    first = next(name for name, tensor in state.items() if tensor.ndim == 4)
    path.unlink()
    said = f"weights.safetensors: No such file or directory: {path}"
    if fault == "cut short":
        path.write_bytes(whole[:-1])
        said = "weights.safetensors: its checksum is not that of its content"
    elif fault == "of another network":
        save_file({name: tensor for name, tensor in state.items() if name != first}, path)
        said = f"weights.safetensors: 1 missing ({first})"
    elif fault == "not finite":
        save_file(state | {first: torch.full_like(state[first], float("nan"))}, path)
        said = f"{state[first].numel()} values that are not finite, in 1 of {len(state)} tensors (first: {first})"
        said = f"weights.safetensors: {said}"
    with pytest.raises(PretrainedError) as caught:
        Backbone.load(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no whole backbone ({said}). Fit the run again."


@pytest.mark.parametrize("lacking", ["card", "transform", "weights", "source_classes"])
def test_a_card_that_lacks_something_is_named(lacking: str, tmp_path: Path) -> None:
    load_backbone("small_cnn", "none", 11).save(tmp_path)
    values = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    del values[lacking], values["checksum"]
    (tmp_path / "card.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(PretrainedError) as caught:
        Backbone.load(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no whole backbone (card.json: '{lacking}' is missing). Fit the run again."


def test_hash_sees_names_shapes_and_values() -> None:
    first = torch.nn.Linear(3, 2, bias=False)
    second = torch.nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        first.weight.fill_(1.0)
        second.weight.fill_(1.0)
    assert hash_of(first) != hash_of(second)
    assert hash_of(torch.nn.Sequential(first)) != hash_of(first)
    assert len(hash_of(first)) == 16


def test_identity_sees_what_the_hash_of_the_weights_does_not() -> None:
    small, large = (load_backbone("timm/test_resnet", weights="none", input_pixels=side) for side in (32, 64))
    assert small.weights_hash == large.weights_hash
    assert small.identity != large.identity
    assert large.identity == large.copy().identity == load_backbone("timm/test_resnet", weights="none", input_pixels=64).identity
