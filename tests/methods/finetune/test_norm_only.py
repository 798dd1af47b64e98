from __future__ import annotations

from types import SimpleNamespace

from torch import nn

from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.methods.finetune.norm_only import NormOnly


def test_every_kind_of_norm_counts() -> None:
    norms = [nn.BatchNorm2d(3), nn.LayerNorm(5), nn.GroupNorm(1, 7), nn.InstanceNorm2d(2, affine=True), nn.RMSNorm(11)]
    network = nn.Sequential(nn.Conv2d(3, 3, 1), *norms, nn.Linear(11, 2))
    found = {id(weight) for weight in NormOnly().weights(SimpleNamespace(module=network))}
    assert found == {id(weight) for norm in norms for weight in norm.parameters()}
    assert len(found) == 9


def test_it_takes_a_transformer(task: Task) -> None:
    backbone = load_backbone("timm/test_vit", "none")
    names = {name for name, part in backbone.module.named_modules() if isinstance(part, nn.LayerNorm)}
    assert len(NormOnly().weights(backbone)) == 2 * len(names) > 2
