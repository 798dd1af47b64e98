from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.finetune.partial import Partial
from headstart.training.settings import Training


def moved(before: Backbone, after: Backbone) -> set[str]:
    """The blocks whose weights differ in any bit."""
    state = after.module.state_dict()
    return {name.rsplit(".", 2)[0] for name, old in before.module.state_dict().items() if not torch.equal(old, state[name])}


def test_the_frozen_part_is_looked_at_once(pretrained: Backbone) -> None:
    assert [Partial(num_stages=count).stages(pretrained) for count in (1, 2, 3)] == [("blocks.1",), ("blocks.0",), ()]


def test_what_cannot_be_cut_is_frozen_all_the_same(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Boundary, backbone: Backbone, stage: str) -> None:
        raise PlanError("no")

    monkeypatch.setattr(Boundary, "__init__", refuse)
    assert Partial(num_stages=1).stages(pretrained) == ()
    model = Partial(num_stages=1).fit(task, pretrained, Training(epochs=1, batch_size=7))
    assert moved(pretrained, model.backbone) == {"blocks.2"}


def test_nothing_stays_frozen_on_random_weights(task: Task) -> None:
    scratch = load_backbone("small_cnn", "none", 16, seed=1)
    model = Partial(num_stages=1).fit(task, scratch, Training(epochs=1, batch_size=7))
    assert moved(scratch, model.backbone) == {"blocks.0", "blocks.1", "blocks.2"}
