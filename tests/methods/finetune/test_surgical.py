from __future__ import annotations

import pytest

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.finetune.partial import Partial
from headstart.methods.finetune.surgical import Surgical
from headstart.training.settings import Training

TRAINING = Training(epochs=2, batch_size=7)


@pytest.mark.slow
def test_the_last_stage_alone_is_partial_with_one(task: Task, pretrained: Backbone) -> None:
    first, second = (method.fit(task, pretrained, TRAINING) for method in (Surgical(stage="last"), Partial(num_stages=1)))
    assert first.backbone.weights_hash == second.backbone.weights_hash


@pytest.mark.parametrize(
    ("stage", "cut"),
    [
        ("first", ()),
        ("middle", ("blocks.0",)),
        ("last", ("blocks.1",)),
        ("blocks.1", ("blocks.0",)),
        ("penultimate", ("blocks.1",)),
    ],
)
def test_what_lies_before_the_stage_is_looked_at_once(pretrained: Backbone, stage: str, cut: tuple[str, ...]) -> None:
    assert Surgical(stage=stage).stages(pretrained) == cut
