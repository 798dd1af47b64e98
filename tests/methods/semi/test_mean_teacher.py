from __future__ import annotations

from typing import Any

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.semi.mean_teacher import MeanTeacher
from headstart.training.batches import Batch
from headstart.training.settings import Training
from headstart.training.teacher import Teacher

PICTURES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(2))
LABELS = torch.tensor([0, 2])
BATCH = {
    "train": Batch(PICTURES[:2], LABELS, torch.eye(3)[LABELS], torch.arange(2)),
    "unlabeled": Batch(PICTURES[2:], torch.full((3,), -1), torch.zeros(3, 3), torch.arange(3), (PICTURES[2:].flip(3),)),
}


@pytest.fixture
def learner(squares: Task, pretrained: Backbone) -> Any:
    return MeanTeacher()._built(squares, pretrained, Training()).eval()


def test_the_target_is_the_teacher_on_the_other_view(learner: Any) -> None:
    with torch.no_grad():
        before = learner(PICTURES[2:].flip(3)).softmax(dim=1)
        learner.head.weight.mul_(0.5)
        student = learner(PICTURES[2:]).softmax(dim=1)
    losses = MeanTeacher(unlabeled_weight=3).losses(learner, BATCH, 1.0)
    torch.testing.assert_close(losses["consistency"].detach(), 3 * ((student - before) ** 2).mean())
    early = MeanTeacher(unlabeled_weight=3).losses(learner, BATCH, 0.0)["consistency"]
    torch.testing.assert_close(early.detach(), 3 * ((student - before) ** 2).mean() * torch.exp(torch.tensor(-5.0)))


def test_no_gradient_reaches_the_teacher_and_one_does_reach_the_student(learner: Any) -> None:
    assert isinstance(learner.extra, Teacher)
    assert not list(learner.extra.parameters())
    with torch.no_grad():
        learner.head.weight.mul_(0.5)
    MeanTeacher().losses(learner, BATCH, 1.0)["consistency"].backward()
    assert bool(learner.head.weight.grad.abs().sum() > 0)


@pytest.mark.parametrize(("step", "kept"), [(1, 0.5), (2, 2 / 3), (9, 0.9), (99, 0.9), (1000, 0.9)])
def test_the_teacher_moves_fast_at_first(learner: Any, step: int, kept: float) -> None:
    before = learner.extra.weights()["head.weight"].clone()
    with torch.no_grad():
        learner.head.weight.add_(1)
    MeanTeacher(decay=0.9).after_step(learner, step)
    torch.testing.assert_close(learner.extra.weights()["head.weight"], before + (1 - kept))
