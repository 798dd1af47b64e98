from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.norm_only import NormOnly
from headstart.training.settings import Training


@pytest.mark.parametrize(("depth", "blocks"), [("all", (0, 1, 2)), ("late", (2,))])
def test_norms_move_and_kernels_and_statistics_stay(
    task: Task, pretrained: Backbone, depth: str, blocks: tuple[int, ...]
) -> None:
    model = NormOnly(depth=depth).fit(task, pretrained, Training(epochs=2, batch_size=7))
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"blocks.{index}.norm.{part}" for index in blocks for part in ("weight", "bias")}
    assert all(weight.requires_grad for weight in model.backbone.parameters())


def test_it_learns_the_task(task: Task, pretrained: Backbone) -> None:
    model = NormOnly().fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.predict(task.train).correct.mean() > 0.9


def test_every_kind_of_norm_counts() -> None:
    norms = [nn.BatchNorm2d(3), nn.LayerNorm(5), nn.GroupNorm(1, 7), nn.InstanceNorm2d(2, affine=True), nn.RMSNorm(11)]
    network = nn.Sequential(nn.Conv2d(3, 3, 1), *norms, nn.Linear(11, 2))
    found = {id(weight) for weight in NormOnly().weights(SimpleNamespace(module=network))}
    assert found == {id(weight) for norm in norms for weight in norm.parameters()}
    assert len(found) == 9


def test_a_network_without_norms_is_refused(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in pretrained.module.blocks:  # type: ignore[union-attr]
        block.norm = nn.Identity()  # type: ignore[union-attr]
    with pytest.raises(PlanError) as error:
        NormOnly().fit(task, pretrained, Training(epochs=1))
    assert str(error.value) == (
        "norm_only trains normalization layers, and small_cnn has none. Choose another network, or lp_ft."
    )


def test_it_takes_a_transformer(task: Task) -> None:
    backbone = load_backbone("timm/test_vit", "none")
    names = {name for name, part in backbone.module.named_modules() if isinstance(part, nn.LayerNorm)}
    assert len(NormOnly().weights(backbone)) == 2 * len(names) > 2
