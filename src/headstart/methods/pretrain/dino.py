"""DINO: without labels: share pictures out to prototypes as a running average of the network does."""

from __future__ import annotations

from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.self_distillation import self_distillation
from headstart.methods._self_supervised import TwoViews
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, perceptron
from headstart.training.settings import Training
from headstart.training.teacher import Teacher

BOTTLENECK = 256
"""Width of what prototypes are compared with, as in the paper."""


class Prototypes(nn.Module):
    """Cosines of vectors with learned prototypes, float [batch, prototype]."""

    def __init__(self, width: int, num_prototypes: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(num_prototypes, width))

    def forward(self, vectors: Tensor) -> Tensor:
        """Cosines of those vectors, float [batch, width]."""
        return functional.normalize(vectors, dim=1) @ functional.normalize(self.directions, dim=1).T


class Centered(nn.Module):
    """What is kept beside student and head: the teacher, the running mean of its scores, and the mean of the latest batch."""

    center: Tensor
    latest: Tensor

    def __init__(self, learner: Embedder, num_prototypes: int) -> None:
        super().__init__()
        self.teacher = Teacher(learner)
        self.register_buffer("center", torch.zeros(num_prototypes))
        self.register_buffer("latest", torch.zeros(num_prototypes))


@final
class Dino(TwoViews):
    """Trains the backbone to assign pictures to prototypes as a running average of itself does from another view.

    Centering keeps one prototype from dominating, and sharpening keeps assignments from becoming uniform. The head is thrown
    away, and a ridge head on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; some thousands from random weights.
    Helps: on vision transformers, and where pictures fall into groups.
    Hurts: in short trainings, as the teacher has to follow first.

    Reference: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 3 and algorithm 1.
    Differs: two views in place of ten crops of two sizes, which would take three times the time; hundreds of prototypes, not
        65,536; a head of two layers; the teacher's decay and temperature do not change during the training.

    Attributes:
        num_prototypes: What pictures are shared out to.
        student_temperature: Of the student's shares, 0.1 in the paper.
        teacher_temperature: Of the teacher's, 0.04 in the paper.
        decay: Of the teacher's running average; 0.996 in the paper, whose trainings are a hundred times longer.
        center_decay: Of the center's running average, 0.9 in the paper.
        crop: Smallest share of the area that a view shows; 0.4 for the paper's large crops, less here as there are no small ones.
    """

    num_prototypes: Annotated[int, Field(ge=2, le=65_536)] = 512
    student_temperature: Annotated[float, Field(gt=0, le=10)] = 0.1
    teacher_temperature: Annotated[float, Field(gt=0, le=10)] = 0.04
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    center_decay: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def projector(self, width: int) -> nn.Module:
        return nn.Sequential(perceptron(width, 2 * BOTTLENECK, BOTTLENECK), Prototypes(BOTTLENECK, self.num_prototypes))

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        learner = super().build(task, backbone, training)
        learner.extra = Centered(learner, self.num_prototypes)
        return learner

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        students = learner.of_views(batch["pool"])
        teachers = learner.of_views(batch["pool"], learner.extra.teacher)
        learner.extra.latest.copy_(torch.cat(teachers).mean(dim=0))
        temperatures = self.student_temperature, self.teacher_temperature
        pairs = zip(students, reversed(teachers), strict=True)
        halves = [self_distillation(student, teacher, learner.extra.center, *temperatures) for student, teacher in pairs]
        return {"self_distillation": torch.stack(halves).mean()}

    def after_step(self, learner: Embedder, step: int) -> None:
        learner.extra.teacher.update(learner, self.decay)
        learner.extra.center.lerp_(learner.extra.latest, 1 - self.center_decay)
