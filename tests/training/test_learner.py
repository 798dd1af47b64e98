from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.loading import load_backbone
from headstart.training import learner as module
from headstart.training.learner import Classifier, Folding
from headstart.training.optimizers import optimizer_for
from headstart.training.settings import Training
from headstart.training.stochastic_norm import make_stochastic


def test_earlier_stages_take_smaller_steps() -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 28), 3, body_scale=0.5, stage_decay=0.7)
    scales = {group.name: group.scale for group in learner.rate_groups()}
    assert scales == pytest.approx(
        {
            "blocks.0": 0.5 * 0.7**4,
            "blocks.1": 0.5 * 0.7**3,
            "blocks.2": 0.5 * 0.7**2,
            "blocks.3": 0.5 * 0.7,
            "blocks.4": 0.5,
            "head": 1.0,
        }
    )


def test_groups_hold_each_trained_parameter_once() -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 8), 3)
    grouped = [id(parameter) for group in learner.rate_groups() for parameter in group.parameters]
    unused = {id(parameter) for parameter in learner.backbone.module.get_submodule("classifier").parameters()}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in learner.parameters()} - unused


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_statistics_do_not_move(frozen: bool) -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 8), 3, frozen_statistics=frozen).train()
    before = {name: buffer.clone() for name, buffer in learner.named_buffers()}
    learner(torch.rand(5, 3, 8, 8))
    moved = any(not torch.equal(buffer, before[name]) for name, buffer in learner.named_buffers())
    assert moved is not frozen
    assert all(module.training is not frozen for module in learner.modules() if isinstance(module, _BatchNorm))


def test_decay_leaves_vectors_alone() -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 8), 3, body_scale=0.5)
    optimizer = optimizer_for(learner.rate_groups(), Training(weight_decay=0.3), lr=0.01)
    for group in optimizer.param_groups:
        wide = [parameter.ndim > 1 for parameter in group["params"]]
        assert group["weight_decay"] == (0.3 if wide[0] else 0.0)
        assert len(set(wide)) == 1
    assert {group["peak"] for group in optimizer.param_groups} == {0.01, 0.005}


def test_what_a_method_keeps_beside_the_classifier_is_trained_at_the_head_s_step_size() -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 8), 3, body_scale=0.5)
    learner.extra = nn.Linear(7, 2)
    head = learner.rate_groups()[-1]
    assert head.scale == 1.0
    assert {id(parameter) for parameter in learner.extra.parameters()} < {id(parameter) for parameter in head.parameters}


@pytest.mark.slow
def test_earlier_blocks_of_one_stage_take_smaller_steps_where_blocks_decay() -> None:
    backbone = load_backbone("efficientnet_lite0", "none", 32)
    learner = Classifier(backbone, 3, body_scale=0.5, stage_decay=0.7, block_decay=0.9)
    scales = {group.name: group.scale for group in learner.rate_groups()}
    assert scales["conv_head"] == 0.5
    assert scales["blocks.6.0"] == pytest.approx(0.5 * 0.7 * 0.9)
    assert scales["blocks.5.3"] == pytest.approx(0.5 * 0.7**2 * 0.9**2)
    assert scales["blocks.5.0"] == pytest.approx(0.5 * 0.7**2 * 0.9**5)
    assert scales["conv_stem"] == pytest.approx(0.5 * 0.7**6 * 0.9**17)


def test_freezing_all_but_some_weights_leaves_them_and_the_head_and_thawing_undoes_it() -> None:
    learner = Classifier(load_backbone("small_cnn", "none", 16), 3)
    blocks = dict(learner.backbone.parameter_blocks())
    own = learner.backbone.module.get_submodule("classifier")
    own.requires_grad_(False)
    learner.freeze_all_but(blocks["blocks.1"][:1])
    learner.freeze_up_to("blocks.0")
    names = {name for name, weight in learner.named_parameters() if weight.requires_grad}
    assert names == {"backbone.module.blocks.1.convolution.weight", "head.weight", "head.bias"}
    assert [(group.name, len(group.parameters)) for group in learner.rate_groups()] == [("blocks.1", 1), ("head", 2)]
    learner.thaw()
    assert learner.boundary is None
    frozen = {name for name, weight in learner.named_parameters() if not weight.requires_grad}
    assert frozen == {f"backbone.module.classifier.{name}" for name in ("weight", "bias")}


def _shaken(frozen: bool = True, name: str = "small_cnn", pixels: int = 16) -> Classifier:
    learner = Classifier(load_backbone(name, "none", pixels, seed=1), 3, frozen_statistics=frozen)
    generator = torch.Generator().manual_seed(3)
    for part in learner.modules():
        if isinstance(part, _BatchNorm) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.uniform_(-0.5, 0.5, generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return learner.train()


@pytest.mark.parametrize(
    ("name", "pixels", "cut", "folds"),
    [
        ("small_cnn", 16, "", False),
        ("small_cnn", 16, "blocks.0", False),
        ("timm/test_efficientnet", 32, "", True),
        ("timm/test_efficientnet", 32, "blocks.1.0", True),
    ],
)
def test_fast_arithmetic_only_rounds_otherwise(name: str, pixels: int, cut: str, folds: bool) -> None:
    learner, found = _shaken(name=name, pixels=pixels), []
    assert bool(Folding.of(learner.backbone).pairs) == folds
    inputs = torch.rand(5, 3, pixels, pixels, generator=torch.Generator().manual_seed(1))
    if cut:
        inputs = learner.freeze_up_to(cut).prefix(inputs.permute(0, 2, 3, 1))[0].detach()
    for fast in (False, True):
        learner.zero_grad()
        if fast:
            with learner.fast_arithmetic(bf16=True):
                logits = learner(inputs)
        else:
            logits = learner(inputs)
        logits.square().sum().backward()
        grads = {name: weight.grad.clone() for name, weight in learner.named_parameters() if weight.grad is not None}
        found.append((logits.detach(), grads))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=1e-5)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()), msg=name)


def test_stochastic_normalization_is_not_folded() -> None:
    inputs, found = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1)), []
    for fast in (False, True):
        learner = _shaken(name="timm/test_efficientnet", pixels=32)
        make_stochastic(learner.backbone.module, 0.5)
        learner.train()
        for step in range(2):  # the first one changes statistics, and the mode of the layers
            torch.manual_seed(step)
            with learner.fast_arithmetic(bf16=False) if fast else nullcontext():
                features = learner.features(inputs).detach()
        found.append((features, dict(learner.named_buffers())))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-4, atol=1e-5)
    for name, before in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], before, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(("frozen", "large", "bf16"), [(True, True, True), (True, False, False), (False, False, True)])
def test_bf16_is_for_large_networks_that_keep_their_statistics_and_for_dense_ones_that_learn_them(
    frozen: bool, large: bool, bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEWEST_BF16_MULTIPLY_ADDS", 1 if large else 10**12)
    learner, met = _shaken(frozen), []
    learner.backbone.module.get_submodule("blocks.1").register_forward_hook(lambda part, args, result: met.append(result.dtype))
    with learner.fast_arithmetic(bf16=True):
        assert learner(torch.rand(5, 3, 16, 16)).dtype == torch.float32
    assert met[-1] == (torch.bfloat16 if bf16 else torch.float32)
    learner(torch.rand(5, 3, 16, 16))
    assert met[-1] == torch.float32


@pytest.mark.parametrize(("name", "half"), [("small_cnn", True), ("timm/test_efficientnet", False), ("timm/test_vit", False)])
def test_bf16_does_not_pay_where_convolutions_are_depthwise_or_nothing_is_normalized_by_batch(name: str, half: bool) -> None:
    backbone = load_backbone(name, "none", 160 if "vit" in name else 32)
    assert Folding.of_learned_statistics(backbone) == Folding((), half)
