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


@pytest.mark.parametrize("num_stages", [1, 2, 3])
def test_the_last_stages_move_and_the_rest_stays(task: Task, pretrained: Backbone, num_stages: int) -> None:
    model = Partial(num_stages=num_stages).fit(task, pretrained, Training(epochs=2, batch_size=7))
    assert moved(pretrained, model.backbone) == {"blocks.2", "blocks.1", "blocks.0"} & {
        f"blocks.{index}" for index in range(3 - num_stages, 3)
    }
    assert all(weight.requires_grad for weight in model.backbone.parameters())


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


def test_it_learns_the_task(task: Task, pretrained: Backbone) -> None:
    model = Partial().fit(task, pretrained, Training(epochs=12, batch_size=7))
    assert model.predict(task.train).correct.mean() > 0.9


def test_more_stages_than_there_are_is_refused(task: Task, pretrained: Backbone) -> None:
    with pytest.raises(PlanError) as error:
        Partial(num_stages=4).fit(task, pretrained, Training(epochs=1))
    assert str(error.value) == (
        "partial.num_stages = 4, and small_cnn has 3 stages. Choose at most 3, or lp_ft with depth = all."
    )
