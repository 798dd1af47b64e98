"""Domain adaptation by gradient: what its methods share."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias, cast

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.augmentation.views import ViewName
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.domain_adversarial import domain_cross_entropy, reversal_strength, reversed_gradient
from headstart.methods._staged import Staged
from headstart.methods.base import Need
from headstart.training.domain_streams import Discriminator
from headstart.training.learner import Classifier
from headstart.training.unlabeled_streams import streams_with_pool

Ratio: TypeAlias = Annotated[int, Field(ge=1, le=7)]
Weight: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class DomainAdaptation(Staged):
    """A method that trains on labeled pictures of a source and on unlabeled ones of the target.

    Training starts from the ridge head. Views are computed once where the first part of the network is frozen.

    Attributes:
        unlabeled_views: Views of each target picture; the first is `Batch.images`, the others are `Batch.also`.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")
    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak",)

    unlabeled_ratio: Ratio = 1

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=self.unlabeled_views)


class AdversarialAdaptation(DomainAdaptation):
    """A method whose features learn to deceive a discriminator of domains, by a reversed gradient.

    Attributes:
        weight: Of the discriminator's loss.
        width: Of the discriminator; 1,024 in the paper.
    """

    weight: Weight = 1.0
    width: Annotated[int, Field(ge=8, le=4096)] = 256

    def memory(self, task: Task, backbone: Backbone) -> nn.Module:
        return Discriminator(backbone.feature_width, self.width)

    def domain_loss(self, learner: Classifier, source: Tensor, target: Tensor, progress: float) -> Tensor:
        """The discriminator's weighted loss on features [batch, feature], whose gradient is reversed on its way to them."""
        discriminator, strength = cast(Discriminator, learner.extra), reversal_strength(progress)
        scores = (discriminator(reversed_gradient(features, strength)) for features in (source, target))
        return self.weight * domain_cross_entropy(*scores)
