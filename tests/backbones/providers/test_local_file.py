"""Weights in a file, with or without the architecture's name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from headstart.backbones import weight_loading
from headstart.backbones.backbone import Backbone, hash_of
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PretrainedError


def _network(seed: int = 1) -> nn.Module:
    return load_backbone("timm/test_resnet", weights="none", seed=seed).module


def _resnet18(num_classes: int = 1000) -> nn.Module:
    import torchvision

    return torchvision.models.resnet18(num_classes=num_classes)


@pytest.mark.slow
def test_weights_file_fills_the_named_architecture(tmp_path: Path) -> None:
    network = _network()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    backbone = load_backbone("timm/test_resnet", weights=tmp_path / "w.pth")
    assert backbone.weights_hash == hash_of(network)
    assert backbone.weights == str(tmp_path / "w.pth")
    assert backbone.source_classes


@pytest.mark.slow
@pytest.mark.parametrize("nest", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_training_checkpoints_are_unpacked(tmp_path: Path, nest: str, prefix: str) -> None:
    network = _network()
    state = {prefix + key: value for key, value in network.state_dict().items()}
    torch.save({nest: state, "epoch": 7}, tmp_path / "w.pt")
    assert load_backbone("timm/test_resnet", weights=tmp_path / "w.pt").weights_hash == hash_of(network)


@pytest.mark.slow
def test_classifier_of_another_size_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = _network().state_dict()
    state["fc.weight"], state["fc.bias"] = torch.zeros(17, state["fc.weight"].shape[1]), torch.zeros(17)
    save_file(state, tmp_path / "w.safetensors")
    with caplog.at_level("INFO"):
        backbone = load_backbone("timm/test_resnet", weights=tmp_path / "w.safetensors")
    assert torch.equal(backbone.module.state_dict()["conv1.0.weight"], state["conv1.0.weight"])
    assert not backbone.source_classes
    expected = f"{tmp_path / 'w.safetensors'}: its classifier (fc) has another size or is missing and was left out."
    assert [record.getMessage() for record in caplog.records] == [expected]


@pytest.mark.slow
def test_file_names_its_architecture_in_its_metadata(tmp_path: Path) -> None:
    network = _network()
    path = tmp_path / "w.safetensors"
    save_file(network.state_dict(), path, {"architecture": "timm/test_resnet"})
    backbone = load_backbone(str(path))
    assert backbone.weights_hash == hash_of(network)
    backbone.save(tmp_path / "kept")
    path.unlink()
    assert Backbone.load(tmp_path / "kept").weights_hash == hash_of(network)


@pytest.mark.slow
def test_architecture_is_recognized_by_its_shapes(tmp_path: Path) -> None:
    network = _resnet18(num_classes=17)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    card = card_of(str(tmp_path / "w.pth"))
    assert card.architecture == "torchvision/resnet18"
    assert (card.license, card.source, card.source_accuracy) == ("unknown", "unknown", None)
    backbone = load_backbone(str(tmp_path / "w.pth"))
    assert torch.equal(backbone.module.state_dict()["conv1.weight"], network.state_dict()["conv1.weight"])


@pytest.mark.slow
def test_weights_of_another_architecture_name_the_one_they_fit(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(_resnet18().state_dict(), path)
    with pytest.raises(PretrainedError) as caught:
        load_backbone("torchvision/resnet34", weights=path)
    assert str(caught.value) == (
        f"{path} does not fit resnet34: 80 missing (layer1.2.conv1.weight, layer1.2.bn1.weight, layer1.2.bn1.bias, ...). "
        'Its shapes fit "torchvision/resnet18": use --pretrained torchvision/resnet18 --weights FILE.'
    )


@pytest.mark.slow
def test_unrecognized_file_asks_for_its_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_loading, "_SUGGESTED", ("torchvision/resnet18", "no such network", "timm/test_resnet"))
    path = tmp_path / "w.pth"
    torch.save(nn.Linear(3, 2).state_dict(), path)
    with pytest.raises(PretrainedError) as caught:
        card_of(str(path))
    assert str(caught.value) == (
        f"{path}: its architecture is not recognized from 2 tensors. Name it: --pretrained ARCHITECTURE --weights {path}."
    )
