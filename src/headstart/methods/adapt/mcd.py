"""MCD: two heads learn to disagree on target pictures, and features to make them agree."""

from __future__ import annotations

import copy
from typing import final

import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.classifier_discrepancy import classifier_discrepancy
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.domain_adversarial import reversed_gradient
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.methods.model import Model
from headstart.training.learner import Classifier
from headstart.training.ridge_start import start_from_ridge
from headstart.training.settings import Training


@final
class Mcd(JointAdaptation):
    """Trains two heads on source pictures; on target pictures the heads learn to disagree and the features to make them agree.

    Where two heads disagree, a picture lies outside the support of the source, and its features are moved back into it.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with hundreds of steps, where classes lie close together.
    Hurts: often with strong pretrained networks, and where classes are more frequent in one domain.

    Reference: Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain Adaptation", CVPR 2018.
    Differs: heads and features take their turns in one step, by a reversed gradient; the second head starts from ridge on every
        other row; the mean of both is deployed.

    Attributes:
        weight: Of the discrepancy.
    """

    weight: Weight = 1.0

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        first = copy.deepcopy(learner.head)
        if backbone.weights == "none":
            learner.head.reset_parameters()
        else:
            start_from_ridge(learner, task.train.take(range(0, len(task.train), 2)))
        learner.extra, learner.head = learner.head, first
        return learner

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        second = learner.extra
        assert isinstance(second, nn.Linear)
        shown = reversed_gradient(target.features, 1.0)
        discrepancy = classifier_discrepancy(learner.head(shown).softmax(dim=1), second(shown).softmax(dim=1))
        return {
            "second_cross_entropy": soft_cross_entropy(second(source.features), source.targets),
            "discrepancy": -self.weight * discrepancy,
        }

    def deploy(self, learner: Classifier, task: Task) -> Model:
        assert isinstance(learner.extra, nn.Linear)
        with torch.no_grad():
            for first, second in zip(learner.head.parameters(), learner.extra.parameters(), strict=True):
                first.lerp_(second, 0.5)
        return super().deploy(learner, task)
