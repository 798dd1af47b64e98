"""What all ways to fine-tune promise: they learn, train what they say, leave a plain network, and refuse what cannot work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.backbones.loading import load_backbone
from headstart.core.errors import MissingExtraError, PlanError
from headstart.data.task import Task
from headstart.methods import METHODS, method_from
from headstart.methods.model import Model
from headstart.training.settings import Training

KINDS = [kind for kind in METHODS.names() if METHODS.get(kind).__module__.startswith("headstart.methods.finetune.")]
SHORT = Training(epochs=2, batch_size=7)
NORM = ("norm.weight", "norm.bias")
BLOCK = ("convolution.weight", *NORM)


def refuse(self: Boundary, backbone: Backbone, stage: str) -> None:
    raise PlanError("no")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_the_task_and_its_file_is_a_plain_network(
    kind: str, task: Task, pretrained: Backbone, classifying: Backbone, tmp_path: Path
) -> None:
    backbone = classifying if "source_classes" in METHODS.get(kind).needs else pretrained
    training = Training(epochs=12, batch_size=7, **({"lr": 1e-2, "ema": 0.5} if kind == "fine_tune" else {}))
    model = method_from({"kind": kind}).fit(task, backbone, training)
    assert model.predict(task.train).correct.mean() > 0.9
    assert model.temperature == 1.0
    assert all(weight.requires_grad for weight in model.backbone.parameters())
    before, after = backbone.module.state_dict(), model.backbone.module.state_dict()
    assert list(after) == list(before)
    statistics = "blocks.2.norm.running_mean"
    assert torch.equal(after[statistics], before[statistics]) == (kind not in {"fine_tune", "stoch_norm"})
    if "source_classes" in METHODS.get(kind).needs:
        assert model.backbone.source_classes == (kind == "lwf")
    model.save(tmp_path)
    assert Model.load(tmp_path).backbone.weights_hash == model.backbone.weights_hash


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "blocks", "parts"),
    [
        ({"kind": "bit_fit", "depth": "all"}, (0, 1, 2), ("norm.bias",)),
        ({"kind": "bit_fit", "depth": "late"}, (2,), ("norm.bias",)),
        ({"kind": "norm_only", "depth": "all"}, (0, 1, 2), NORM),
        ({"kind": "norm_only", "depth": "late"}, (2,), NORM),
        ({"kind": "lora", "depth": "all"}, (0, 1, 2), ("convolution.weight",)),
        ({"kind": "lora", "depth": "late"}, (2,), ("convolution.weight",)),
        ({"kind": "lp_ft", "depth": "all"}, (0, 1, 2), BLOCK),
        ({"kind": "lp_ft", "depth": "late"}, (2,), BLOCK),
        ({"kind": "layerwise_decay"}, (0, 1, 2), BLOCK),
        ({"kind": "gradual_unfreezing"}, (1, 2), BLOCK),
        ({"kind": "model_soup", "num_ingredients": 2, "depth": "late"}, (2,), BLOCK),
        *[({"kind": "partial", "num_stages": number}, tuple(range(3 - number, 3)), BLOCK) for number in (1, 2, 3)],
        ({"kind": "surgical", "stage": "first"}, (0,), BLOCK),
        ({"kind": "surgical", "stage": "middle"}, (1,), BLOCK),
        ({"kind": "surgical", "stage": "last"}, (2,), BLOCK),
        ({"kind": "surgical", "stage": "blocks.1"}, (1,), BLOCK),
        ({"kind": "surgical", "stage": "penultimate"}, (2,), BLOCK),
    ],
    ids=lambda value: "-".join(map(str, value.values() if isinstance(value, dict) else value)),
)
def test_what_is_to_be_trained_moves_and_all_else_stays(
    task: Task, pretrained: Backbone, settings: dict[str, Any], blocks: tuple[int, ...], parts: tuple[str, ...]
) -> None:
    model = method_from(settings).fit(task, pretrained, SHORT)
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"blocks.{index}.{part}" for index in blocks for part in parts}


def without_norms(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    for block in backbone.module.blocks:  # type: ignore[union-attr]
        block.norm = nn.Identity()  # type: ignore[union-attr]
    return backbone


def uncut(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    patch.setattr(Boundary, "__init__", refuse)
    return backbone


def whole(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    return backbone


def without_weights(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    return load_backbone("pixels", "none", 8)


def random(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    return load_backbone("small_cnn", "none", 16)


def transformer(backbone: Backbone, patch: pytest.MonkeyPatch) -> Backbone:
    return load_backbone("timm/test_vit", "none")


@pytest.mark.parametrize(
    ("settings", "changed", "message"),
    [
        ({"kind": "bit_fit"}, without_norms, "bit_fit trains biases, and small_cnn has none. Choose another network, or lp_ft."),
        (
            {"kind": "norm_only"},
            without_norms,
            "norm_only trains normalization layers, and small_cnn has none. Choose another network, or lp_ft.",
        ),
        (
            {"kind": "partial", "num_stages": 4},
            whole,
            "partial.num_stages = 4, and small_cnn has 3 stages. Choose at most 3, or lp_ft with depth = all.",
        ),
        (
            {"kind": "surgical", "stage": "penultimat"},
            whole,
            'surgical.stage = "penultimat" is not a stage of small_cnn. Did you mean "penultimate"? '
            "Choose first, middle, last, or one of blocks.0, blocks.1, penultimate.",
        ),
        (
            {"kind": "gradual_unfreezing"},
            uncut,
            "gradual_unfreezing cuts a network behind its stages, and small_cnn cannot be cut behind any. "
            "Choose layerwise_decay.",
        ),
        (
            {"kind": "l2_sp"},
            without_weights,
            "l2_sp pulls weights back to where they started, and pixels has none. Choose another network, or lp_ft.",
        ),
        *[
            (
                {"kind": kind},
                whole,
                f"{kind} needs the classifier that small_cnn was trained with, and there is none. Choose l2_sp, or lp_ft.",
            )
            for kind in ("lwf", "co_tuning")
        ],
        (
            {"kind": "stoch_norm"},
            transformer,
            "stoch_norm needs batch normalization, and timm/test_vit has none. Choose another network, or lp_ft.",
        ),
        (
            {"kind": "wise_ft"},
            random,
            "wise_ft goes back to the weights it began with, and small_cnn's are random. Choose fine_tune.",
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_network_that_does_not_fit_is_refused(
    task: Task,
    pretrained: Backbone,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    changed: Callable[[Backbone, pytest.MonkeyPatch], Backbone],
    message: str,
) -> None:
    with pytest.raises(PlanError) as error:
        method_from(settings).fit(task, changed(pretrained, monkeypatch), SHORT)
    assert str(error.value) == message


def test_without_the_package_nothing_is_begun(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        MissingExtraError, match=r'^peft is not installed. Install it with `pip install "headstart\[adapters\]"`.$'
    ):
        method_from({"kind": "lora"}).fit(task, pretrained, SHORT)


def test_the_change_of_each_layer_has_the_rank_of_the_adapter(task: Task, pretrained: Backbone) -> None:
    model = method_from({"kind": "lora", "rank": 2, "depth": "all"}).fit(task, pretrained, SHORT)
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    for index in range(3):
        name = f"blocks.{index}.convolution.weight"
        values = torch.linalg.svdvals((after[name] - before[name]).flatten(1))
        assert values[1] > 100 * values[2]  # of 27 or more
