"""Domain adaptation by gradient: what its methods share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.share_divergence import share_divergence
from headstart.methods._staged import Staged
from headstart.methods.base import Need
from headstart.shift.label_shift import class_shares
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.unlabeled_streams import streams_with_pool

Ratio: TypeAlias = Annotated[int, Field(ge=1, le=7)]
Weight: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class Rows(NamedTuple):
    """What a step knows of the rows of one domain.

    Attributes:
        features: Penultimate features [batch, feature].
        logits: The head's [batch, class].
        targets: The labels as probabilities [batch, class]; zeros where they are unknown.
    """

    features: Tensor
    logits: Tensor
    targets: Tensor


class DomainAdaptation(Staged):
    """A method that trains on labeled pictures of a source and on unlabeled ones of the target.

    Training starts from the ridge head. Views are computed once where the first part of the network is frozen. The labeled rows
    are those of the source, then those of the target that have labels, which may be predicted ones.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    unlabeled_ratio: Ratio = 1

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))


class JointAdaptation(DomainAdaptation):
    """A method that minimizes the cross-entropy of labeled rows and, in the same steps, a loss that moves target rows.

    With all weights at 0 it trains on the labeled rows alone, by the same batches and steps; gains are measured against that.

    Attributes:
        diversity: Weight of the divergence of the mean prediction for target rows from the class shares of the labeled rows.
    """

    diversity: Weight = 0.0

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        shares = class_shares(task.train.labels, task.num_classes)
        learner.register_buffer("class_shares", torch.from_numpy(shares).float())
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        domains = zip(features_by_domain(learner, batch), batch.values(), strict=True)
        source, target = (Rows(features, learner.head(features), part.targets) for features, part in domains)
        found = {"cross_entropy": soft_cross_entropy(source.logits, source.targets)}
        found |= self.adaptation(learner, source, target, progress)
        if self.diversity:
            found["diversity"] = self.diversity * share_divergence(target.logits, learner.get_buffer("class_shares"))
        return found

    @abstractmethod
    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        """What is minimized besides the cross-entropy of labeled rows, with its weights; other arguments as in `losses`."""
