from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.bit_fit import BitFit
from headstart.training.settings import Training


@pytest.mark.parametrize(("depth", "blocks"), [("all", (0, 1, 2)), ("late", (2,))])
def test_biases_move_and_all_else_stays(task: Task, pretrained: Backbone, depth: str, blocks: tuple[int, ...]) -> None:
    model = BitFit(depth=depth).fit(task, pretrained, Training(epochs=2, batch_size=7))
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"blocks.{index}.norm.bias" for index in blocks}
    assert all(weight.requires_grad for weight in model.backbone.parameters())


def test_it_learns_the_task(task: Task, pretrained: Backbone) -> None:
    model = BitFit().fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.predict(task.train).correct.mean() > 0.9


def test_all_biases_of_a_transformer_but_its_classifier_s_are_taken() -> None:
    backbone = load_backbone("timm/test_vit", "none")
    found = {id(weight) for weight in BitFit().weights(backbone)}
    named = {name for name, weight in backbone.module.named_parameters() if id(weight) in found}
    assert {"patch_embed.proj.bias", "blocks.0.attn.qkv.bias", "blocks.0.norm1.bias", "blocks.0.mlp.fc1.bias"} < named
    assert not any(name.startswith("head") or not name.endswith("bias") for name in named)


def test_a_network_without_biases_is_refused(task: Task, pretrained: Backbone) -> None:
    for block in pretrained.module.blocks:  # type: ignore[union-attr]
        block.norm = nn.Identity()  # type: ignore[union-attr]
    with pytest.raises(PlanError) as error:
        BitFit().fit(task, pretrained, Training(epochs=1))
    assert str(error.value) == "bit_fit trains biases, and small_cnn has none. Choose another network, or lp_ft."
