"""L2-SP: fine-tuning whose weights decay toward the source weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, cast, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.core.ranges import Searched
from headstart.core.records import Migration
from headstart.data.task import Task
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.training.learner import Classifier, RateGroup
from headstart.training.ridge_start import start_from_ridge
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


def _without_penalty(values: dict[str, Any]) -> dict[str, Any]:
    """Format 1 had a penalty `alpha` inside the loss, which Adam rescaled, and `beta` on the head; both at 0.01 unless set."""
    return {name: value for name, value in values.items() if (name, value) not in {("alpha", 0.01), ("beta", 0.01)}}


_USE_PULL = (
    "Earlier versions had alpha and beta, penalties inside the loss; pull takes their place and trains differently. "
    "Delete the two from the plan, and set method.pull where its default, 1, does not suit."
)


@final
class L2Sp(ScaledFineTuning):
    """Fine-tunes while every step pulls the network's weights toward the source weights, in the place of weight decay to zero.

    Weights that the task does not change stay at their pretrained values. The head starts at the ridge solution and decays to
    zero as everywhere. It is kept as others compare with it: with 10 labels a class of digits, pulls of 0, 1, 10 and 100 reach
    83.8, 84.5, 82.5 and 83.8 % on 600 test images, where lp_ft reaches 84.8 (one draw, within the error).

    Needs: labeled rows, and weights worth keeping.
    Helps: a little, and at hardly any cost, with few rows on weights whose source is near the task.
    Hurts: where the task needs other features than the source, with a large pull; then lp_ft.

    Reference: Li, Grandvalet & Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018,
        section 3; Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    Differs: the pull is decoupled from the loss, as Adam would rescale the gradient of a penalty; the head starts at the ridge
        solution, and batch normalization of pretrained weights keeps its statistics.

    Attributes:
        pull: Share of the way to the source weights that a step of size 1 goes. The paper chooses it by validation.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_without_penalty,)
    gone: ClassVar[Mapping[str, str]] = {"alpha": _USE_PULL, "beta": _USE_PULL}

    pull: Annotated[float, Field(ge=0, le=1e6), Searched(0.1, 100.0)] = 1.0

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if not any(True for _ in backbone.parameters()):
            raise PlanError(
                f"l2_sp pulls weights back to where they started, and {backbone.card.name} has none. "
                "Choose another network, or lp_ft."
            )
        pretrained = backbone.weights != "none"
        learner = _Pulled(backbone, task.num_classes, pretrained, self.body_scale, self.stage_decay)
        if pretrained:
            start_from_ridge(learner, task.train)
        learner.extra, learner.pull = Teacher(learner), self.pull
        return learner


class _Pulled(Classifier):
    """A classifier whose network's weights are pulled toward those that `extra`, a `Teacher`, keeps."""

    pull: float

    def rate_groups(self) -> list[RateGroup]:
        start = cast(Teacher, self.extra).weights()
        of_weight = {id(weight): start[f"backbone.{name}"] for name, weight in self.backbone.named_parameters()}
        *body, head = super().rate_groups()
        pulled = (replace(group, start=tuple(of_weight[id(weight)] for weight in group.parameters)) for group in body)
        return [*(replace(group, pull=self.pull) for group in pulled), head]
