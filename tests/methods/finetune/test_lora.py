from __future__ import annotations

import sys

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import MissingExtraError
from headstart.data.task import Task
from headstart.methods.finetune.lora import Lora
from headstart.methods.model import Model
from headstart.training.settings import Training

TRAINING = Training(epochs=2, batch_size=7)


@pytest.mark.parametrize(("depth", "blocks"), [("all", (0, 1, 2)), ("late", (2,))])
def test_kernels_change_behind_the_cut_and_all_else_stays(
    task: Task, pretrained: Backbone, depth: str, blocks: tuple[int, ...]
) -> None:
    model = Lora(depth=depth).fit(task, pretrained, TRAINING)
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    assert list(before) == list(after)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"blocks.{index}.convolution.weight" for index in blocks}
    assert all(weight.requires_grad for weight in model.backbone.parameters())


def test_the_change_of_each_layer_has_the_rank(task: Task, pretrained: Backbone) -> None:
    model = Lora(rank=2, depth="all").fit(task, pretrained, TRAINING)
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    for index in range(3):
        name = f"blocks.{index}.convolution.weight"
        values = torch.linalg.svdvals((after[name] - before[name]).flatten(1))
        assert values[1] > 100 * values[2]  # of 27 or more


def test_it_learns_the_task_and_its_file_is_a_plain_network(task: Task, pretrained: Backbone, tmp_path) -> None:
    model = Lora().fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.predict(task.train).correct.mean() > 0.9
    model.save(tmp_path)
    assert Model.load(tmp_path).backbone.weights_hash == model.backbone.weights_hash


def test_without_the_package_nothing_is_begun(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        MissingExtraError, match=r'^peft is not installed. Install it with `pip install "headstart\[adapters\]"`.$'
    ):
        Lora().fit(task, pretrained, TRAINING)
