from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.methods.finetune.gradual_unfreezing import GradualUnfreezing
from headstart.training import gradual_unfreezing
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@pytest.mark.slow
def test_stages_are_unfrozen_in_turn_the_last_first(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[str]] = []
    whole = gradual_unfreezing.train

    def watched(learner: Classifier, *rest: object) -> object:
        trained.append([group.name for group in learner.rate_groups()])
        return whole(learner, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(gradual_unfreezing, "train", watched)
    model = GradualUnfreezing().fit(task, pretrained, Training(epochs=2, batch_size=7))
    assert trained == [["blocks.2", "head"], ["blocks.1", "blocks.2", "head"]]
    before, after = pretrained.module.state_dict(), model.backbone.module.state_dict()
    moved = {name.rsplit(".", 2)[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"blocks.1", "blocks.2"}


def test_step_sizes_fall_from_stage_to_stage(task: Task, pretrained: Backbone) -> None:
    learner = GradualUnfreezing(stage_decay=0.25)._built(task, pretrained, Training())
    scales = {group.name: group.scale for group in learner.rate_groups()}
    assert scales == {"blocks.0": 1 / 16, "blocks.1": 1 / 4, "blocks.2": 1.0, "head": 1.0}


def test_everything_is_trained_at_once_on_random_weights(task: Task) -> None:
    scratch = load_backbone("small_cnn", "none", 16, seed=1)
    assert GradualUnfreezing().stages(scratch) == ()
    after = GradualUnfreezing().fit(task, scratch, Training(epochs=1, batch_size=7)).backbone
    assert not torch.equal(after.module.state_dict()["blocks.0.norm.weight"], scratch.module.state_dict()["blocks.0.norm.weight"])
