"""L2-SP: fine-tuning with a penalty on the distance to the source weights."""

from __future__ import annotations

from typing import Annotated, cast, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.l2_sp import l2_sp
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


@final
class L2Sp(ScaledFineTuning):
    """Fine-tunes with a penalty on the squared distance to the source weights, in the place of weight decay to zero.

    Weights that the task does not change stay at their pretrained values. The head starts at the ridge solution and is pulled
    to zero.

    Needs: labeled rows, and weights worth keeping.
    Helps: a little, and at hardly any cost, with few rows on weights whose source is near the task.
    Hurts: where the task needs other features than the source, with a large alpha; then lp_ft.

    Reference: Li, Grandvalet & Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018,
        section 3.
    Differs: the head starts at the ridge solution, batch normalization of pretrained weights keeps its statistics, and the
        optimizer's weight decay acts beside the penalty unless it is set to 0.

    Attributes:
        alpha: Pull toward the source weights. The paper chooses it by validation; 0.01 as in Jiang et al., "Transferability in
            Deep Learning", arXiv 2201.05867.
        beta: Pull of the head toward zero; 0.01 as in the paper.
    """

    alpha: Annotated[float, Field(ge=0, le=1e6), Searched(1e-3, 1.0)] = 0.01
    beta: Annotated[float, Field(ge=0, le=1e6), Searched(1e-3, 1.0)] = 0.01

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if not any(True for _ in backbone.parameters()):
            raise PlanError(
                f"l2_sp pulls weights back to where they started, and {backbone.card.name} has none. "
                "Choose another network, or lp_ft."
            )
        learner = super().build(task, backbone, training)
        learner.extra = Teacher(learner)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source = cast(Teacher, learner.extra).weights()
        trained = {id(weight) for group in learner.rate_groups() for weight in group.parameters}
        body = [
            (weight, source[f"backbone.{name}"]) for name, weight in learner.backbone.named_parameters() if id(weight) in trained
        ]
        return {
            "cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets),
            "l2_sp": l2_sp(body, learner.head.parameters(), self.alpha, self.beta),
        }
