"""ADDA: target features become indistinguishable from a fixed network's source features."""

from __future__ import annotations

from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.domain_adversarial import domain_cross_entropy
from headstart.losses.inverted_labels import inverted_labels
from headstart.methods._domain_adaptation import DomainAdaptation
from headstart.training.batches import Batch
from headstart.training.domain_streams import Discriminator, features_by_domain
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.teacher import Teacher
from headstart.training.unlabeled_streams import learner_with_memory


@final
class Adda(DomainAdaptation):
    """Trains on source pictures for a share of the steps, then keeps the head and a copy of the network, and trains on with both.

    A discriminator learns to tell the copy's features of source pictures from the network's features of target pictures, and
    the network learns features that the discriminator takes for source features.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where domains look so different that one network for both would be a compromise.
    Hurts: where target features are aligned with other classes, which nothing prevents, and where class shares differ.

    Reference: Tzeng et al., "Adversarial Discriminative Domain Adaptation", CVPR 2017.
    Differs: the network goes on being trained on source pictures, with the head as it is: without, features collapse where
        steps adapt to the size of the gradient; both parts share one run of the step size.

    Attributes:
        source_share: Of the steps, behind every stage, for training on the source.
        weight: Of the network's loss against the discriminator.
        source_weight: Of its loss on source pictures meanwhile; 0 in the paper.
        width: Of the discriminator; 500 in the paper.
    """

    source_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    source_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    width: Annotated[int, Field(ge=8, le=4096)] = 256

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = learner_with_memory(backbone, task)
        learner.extra = Adversary(learner, self.width)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        adversary, train = learner.extra, batch["train"]
        assert isinstance(adversary, Adversary)
        adversary.turn(learner, progress >= self.source_share)
        if progress < self.source_share:
            return {"cross_entropy": soft_cross_entropy(learner(train.images), train.targets)}
        source, target = features_by_domain(learner, batch)
        source_features = adversary.source.features(learner, train.images)
        logits = functional.linear(source, learner.head.weight.detach(), learner.head.bias.detach())
        return {
            "cross_entropy": self.source_weight * soft_cross_entropy(logits, train.targets),
            "domain": domain_cross_entropy(adversary(source_features), adversary(target.detach())),
            "inverted": self.weight * inverted_labels(adversary.fixed(target)),
        }


class Adversary(nn.Module):
    """The discriminator, and the learner's network as it was when training on the source ended."""

    adapting: Tensor

    def __init__(self, learner: Classifier, width: int) -> None:
        super().__init__()
        self.source = Teacher(learner)
        self.discriminator = Discriminator(learner.backbone.feature_width, width)
        self.register_buffer("adapting", torch.tensor(False))

    def turn(self, learner: Classifier, adapting: bool) -> None:
        """Note which part of the training this is; where the second one begins, keep the network as it is now."""
        if adapting and not self.adapting:
            self.source.update(learner, 0.0)
        self.adapting.fill_(adapting)

    def forward(self, features: Tensor) -> Tensor:
        """The discriminator's logits for source, float [batch]."""
        scores: Tensor = self.discriminator(features)
        return scores

    def fixed(self, features: Tensor) -> Tensor:
        """The same, through which gradients reach the features alone."""
        weights = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        scores: Tensor = functional_call(self.discriminator, weights, (features,))
        return scores
