"""MDD: an auxiliary head disagrees on target pictures as far as features let it."""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar, cast, final

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.domain_adversarial import reversal_strength, reversed_gradient
from headstart.losses.margin_disparity import margin_disparity
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@final
class Mdd(JointAdaptation):
    """Trains a head on source pictures, and an auxiliary one that agrees with it there and disagrees on target pictures.

    How far they can disagree bounds the error on the target; features learn to keep it small.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with large sets and many steps: the best of its kind in published tables of many classes.
    Hurts: with few rows, where all target pictures may end up in one class (docs/across-domains.md), and where classes are more
        frequent in one domain.

    Reference: Zhang et al., "Bridging Theory and Algorithm for Domain Adaptation", ICML 2019.
    Differs: the auxiliary head starts as a copy of the head, a single layer.

    Attributes:
        weight: Of the disparity.
        strength: Largest factor on the reversed gradient; it grows over the training, to 0.1 in the paper's code.
        margin: Weight of agreement on the source, exp of the paper's margin, which is 4 on most sets.
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 8

    weight: Weight = 1.0
    strength: Annotated[float, Field(ge=0, le=10)] = 0.1
    margin: Annotated[float, Field(ge=1, le=10)] = 4.0

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        learner.extra = copy.deepcopy(learner.head)
        return learner

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        auxiliary, strength = cast(nn.Linear, learner.extra), self.strength * reversal_strength(progress)
        on_source, on_target = (auxiliary(reversed_gradient(rows.features, strength)) for rows in (source, target))
        disparity = margin_disparity(source.logits, on_source, target.logits, on_target, self.margin)
        return {"disparity": self.weight * disparity}
