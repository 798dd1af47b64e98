from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.partial import Partial
from headstart.methods.finetune.surgical import Surgical
from headstart.training.settings import Training

TRAINING = Training(epochs=2, batch_size=7)


@pytest.mark.parametrize(
    ("stage", "block", "cut"),
    [
        ("first", "blocks.0", ()),
        ("middle", "blocks.1", ("blocks.0",)),
        ("last", "blocks.2", ("blocks.1",)),
        ("blocks.1", "blocks.1", ("blocks.0",)),
        ("penultimate", "blocks.2", ("blocks.1",)),
    ],
)
def test_the_chosen_stage_moves_and_no_other(
    task: Task, pretrained: Backbone, stage: str, block: str, cut: tuple[str, ...]
) -> None:
    method = Surgical(stage=stage)
    after = method.fit(task, pretrained, TRAINING).backbone
    state = after.module.state_dict()
    moved = {name for name, old in pretrained.module.state_dict().items() if not torch.equal(old, state[name])}
    assert moved == {f"{block}.{part}" for part in ("convolution.weight", "norm.weight", "norm.bias")}
    assert all(weight.requires_grad for weight in after.parameters())
    assert method.stages(pretrained) == cut


def test_the_last_stage_alone_is_partial_with_one(task: Task, pretrained: Backbone) -> None:
    first, second = (method.fit(task, pretrained, TRAINING) for method in (Surgical(stage="last"), Partial(num_stages=1)))
    assert first.backbone.weights_hash == second.backbone.weights_hash


def test_it_learns_the_task(task: Task, pretrained: Backbone) -> None:
    model = Surgical().fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.predict(task.train).correct.mean() > 0.9


def test_an_unknown_stage_is_refused_with_the_nearest(task: Task, pretrained: Backbone) -> None:
    with pytest.raises(PlanError) as error:
        Surgical(stage="penultimat").fit(task, pretrained, TRAINING)
    assert str(error.value) == (
        'surgical.stage = "penultimat" is not a stage of small_cnn. Did you mean "penultimate"? '
        "Choose first, middle, last, or one of blocks.0, blocks.1, penultimate."
    )
