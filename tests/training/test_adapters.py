from __future__ import annotations

import re
import sys

import peft
import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import MissingExtraError, PlanError
from headstart.training.adapters import adapted_layers, merge_adapters, peft_package, with_adapters
from headstart.training.learner import Classifier


def matched(backbone: Backbone, cuts: tuple[str, ...] = ()) -> set[str]:
    pattern = adapted_layers(backbone, cuts)
    return {name for name, _ in backbone.module.named_modules() if re.fullmatch(pattern, name)}


@pytest.mark.slow
def test_plain_layers_take_an_adapter_and_no_others() -> None:
    backbone = load_backbone("efficientnet_lite0", "none", 32)
    found = matched(backbone)
    assert {"blocks.0.0.conv_pw", "blocks.1.0.conv_pwl", "conv_head"} < found
    assert not any("conv_dw" in name or name == backbone.anatomy.classifier for name in found)
    behind = matched(backbone, ("blocks.5.3", "blocks.4.2"))
    assert behind == {name for name in found if name.startswith(("blocks.5.", "blocks.6.", "conv_head"))}


def test_layers_derived_from_plain_ones_take_none() -> None:
    class Standardized(nn.Conv2d):
        pass

    backbone = load_backbone("small_cnn", "none", 16).copy()
    backbone.module.get_submodule("blocks.1").convolution = Standardized(32, 64, 3)
    assert matched(backbone) == {"blocks.0.convolution", "blocks.2.convolution"}


@pytest.mark.parametrize("network", ["small_cnn", "timm/test_vit"])
@pytest.mark.parametrize("config", [peft.LoraConfig(r=3, lora_alpha=5), peft.LoHaConfig(r=3, alpha=5)])
def test_merged_outputs_are_those_of_the_adapters(network: str, config: peft.PeftConfig) -> None:
    backbone = load_backbone(network, "none").copy()
    names, switches = list(backbone.state_dict()), [weight.requires_grad for weight in backbone.parameters()]
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    config.target_modules = adapted_layers(backbone, ())
    images = torch.rand(2, 3, backbone.transform.pixels, backbone.transform.pixels)
    with torch.no_grad():
        source = backbone(images)
        learner = with_adapters(Classifier(backbone, 3).eval(), config)
        torch.testing.assert_close(backbone(images), source, rtol=0, atol=1e-6)  # one factor is zero at first
        adapters = {name for name, weight in backbone.named_parameters() if weight.requires_grad}
        for name, weight in backbone.named_parameters():
            if name in adapters:
                weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
        adapted = backbone(images)
        merge_adapters(backbone)
        learner.thaw()
        merged = backbone(images)
    assert adapters
    assert all("lora_" in name or "hada_" in name for name in adapters)
    assert float((adapted - source).abs().max()) > 1e-3
    torch.testing.assert_close(merged, adapted, rtol=1e-4, atol=1e-5)
    assert list(backbone.state_dict()) == names
    assert [weight.requires_grad for weight in backbone.parameters()] == switches
    assert not any("peft" in type(part).__module__ for part in backbone.modules())
    own = {name for name in names if re.search(r"norm|bias|head|classifier|token|pos_embed|_mean|_std", name)}
    assert all(torch.equal(backbone.state_dict()[name], before[name]) for name in own)


def test_a_network_of_other_layers_is_refused() -> None:
    class Other(nn.Conv2d):
        pass

    backbone = load_backbone("small_cnn", "none", 8).copy()
    for part in backbone.module.modules():
        if isinstance(part, nn.Conv2d):
            part.__class__ = Other
    with pytest.raises(PlanError) as error:
        adapted_layers(backbone, ())
    assert str(error.value) == (
        "small_cnn has no plain linear layer or convolution to put an adapter beside. Choose another network, or lp_ft."
    )


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError) as error:
        peft_package()
    assert str(error.value) == 'peft is not installed. Install it with `pip install "headstart[adapters]"`.'
