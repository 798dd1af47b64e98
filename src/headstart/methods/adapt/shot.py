"""SHOT: target features change until the fixed source head is confident (source-free)."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.information_maximization import information_maximization
from headstart.losses.pseudo_labels import confident_targets
from headstart.methods._domain_adaptation import DomainAdaptation, Ratio
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.running_mean import RunningMean


@final
class Shot(DomainAdaptation):
    """Trains on source pictures for a share of the steps; from then on sees target pictures alone, with the head as it is.

    Features change until predictions are confident each and diverse together, and agree with the nearest class centroids.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes. With `source_share` 0 the source gives
        the head that training starts from and nothing else.
    Helps: where the source's head is mostly right on the target; where target pictures matter alone.
    Hurts: where classes are far from equally frequent in the target, as predictions are made diverse.

    Reference: Liang, Hu & Feng, "Do We Really Need to Access the Source Data? Source Hypothesis Transfer for Unsupervised Domain
        Adaptation", ICML 2020.
    Differs: centroids are running means over steps in place of means over all target pictures; the head has no weight
        normalization and no bottleneck before it.

    Attributes:
        source_share: Of the steps, behind every stage, for training on the source.
        diversity: Weight of the entropy of the mean prediction.
        centroid_weight: Of the cross-entropy with the classes of the nearest centroids; 0.3 in the paper.
        decay: Of the centroids a step.
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 6

    unlabeled_ratio: Ratio = 2
    source_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    diversity: Annotated[float, Field(ge=0, le=10)] = 1.0
    centroid_weight: Annotated[float, Field(ge=0, le=10)] = 0.3
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def memory(self, task: Task, backbone: Backbone) -> Centroids:
        return Centroids(self.decay, task.num_classes, backbone.feature_width)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        if progress < self.source_share:
            return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}
        centroids = cast(Centroids, learner.extra)
        features = learner.features(batch["unlabeled"].images)
        logits = functional.linear(features, learner.head.weight.detach(), learner.head.bias.detach())
        targets = centroids(features.detach(), logits.detach().softmax(dim=1))
        return {
            "information": information_maximization(logits, self.diversity),
            "centroids": self.centroid_weight * soft_cross_entropy(logits, targets),
        }


class Centroids(nn.Module):
    """The directions of the classes among target features, weighted by predictions at first and then by the nearest of those.

    `decay` is that of the running means a step.
    """

    def __init__(self, decay: float, num_classes: int, width: int) -> None:
        super().__init__()
        self.predicted = RunningMean(decay, (num_classes, width))
        self.nearest = RunningMean(decay, (num_classes, width))

    @torch.no_grad()
    def forward(self, features: Tensor, probs: Tensor) -> Tensor:
        """The classes of the nearest centroids, 0 or 1 [batch, class], which take these features [batch, feature] in."""
        rows = functional.normalize(features.to(self.predicted.total), dim=1)
        first = confident_targets(self._cosines(rows, self.predicted(_sums(rows, probs))))
        return confident_targets(self._cosines(rows, self.nearest(_sums(rows, first)))).to(probs)

    @staticmethod
    def _cosines(rows: Tensor, sums: Tensor) -> Tensor:
        """[batch, class]; a class without rows is farther than all others."""
        return (rows @ functional.normalize(sums, dim=1).T).masked_fill(~sums.any(dim=1), -2.0)


def _sums(rows: Tensor, probs: Tensor) -> Tensor:
    """The sum of the rows of each class over the number of rows, [class, feature]; the direction alone matters."""
    return probs.to(rows).T @ rows / len(rows)
