"""MCD: two classifiers that look for target pictures on which they disagree, and features that leave none."""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.classifier_discrepancy import classifier_discrepancy
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.domain_adversarial import reversed_gradient
from headstart.methods.base import GradientMethod, Need
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.ridge_start import start_from_ridge
from headstart.training.settings import Training


@final
class Mcd(GradientMethod):
    """Trains two heads on source pictures; on target pictures the heads learn to disagree and the features to make them agree.

    Where two heads disagree a picture lies outside of what the source shows, and its features are drawn back.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with hundreds of steps, where classes lie close together.
    Hurts: often with strong pretrained networks, and where classes are more frequent in one domain.

    Reference: Saito et al., "Maximum Classifier Discrepancy for Unsupervised Domain Adaptation", CVPR 2018.
    Differs: heads and features take their turns in one step, by a reversed gradient; the second head starts from ridge on
        every other row; the mean of both is deployed; training starts from the ridge head, and views are computed once where
        the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the discrepancy.
    """

    summary: ClassVar[str] = "Two heads disagree on target pictures, and features leave them no room"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = learner_with_memory(backbone, task)
        first = copy.deepcopy(learner.head)
        if backbone.weights == "none":
            learner.head.reset_parameters()
        else:
            start_from_ridge(learner, task.train.take(range(0, len(task.train), 2)))
        learner.extra, learner.head = learner.head, first
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        second, targets = learner.extra, batch["train"].targets
        assert isinstance(second, nn.Linear)
        shown = reversed_gradient(target, 1.0)
        gap = classifier_discrepancy(learner.head(shown).softmax(dim=1), second(shown).softmax(dim=1))
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), targets),
            "second_cross_entropy": soft_cross_entropy(second(source), targets),
            "discrepancy": -self.weight * gap,
        }

    def deploy(self, learner: Classifier, task: Task) -> Model:
        assert isinstance(learner.extra, nn.Linear)
        with torch.no_grad():
            for first, second in zip(learner.head.parameters(), learner.extra.parameters(), strict=True):
                first.lerp_(second, 0.5)
        return super().deploy(learner, task)
