"""CDAN: DANN with a discriminator that sees products of features and predictions."""

from __future__ import annotations

from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.conditioning import certainty_weights, conditioned, randomly_conditioned
from headstart.losses.domain_adversarial import domain_cross_entropy, reversal_strength, reversed_gradient
from headstart.methods._domain_adaptation import AdversarialAdaptation, Rows
from headstart.training.domain_streams import Discriminator
from headstart.training.learner import Classifier


@final
class Cdan(AdversarialAdaptation):
    """Does what dann does, with a discriminator that sees the products of features and predicted probabilities.

    Each class is thus aligned with itself; confident rows count up to twice as much, the paper's CDAN+E.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where dann helps, with several classes and mostly right first predictions.
    Hurts: where classes are more frequent in one domain, less than dann. It is kept for its published results: it gained 9 and
        lost 7 points where dann gained 13 and 4 (MNIST to digits and back, one seed; docs/across-domains.md).

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.
    Differs: as dann; random mixtures are as wide as `most_products`.

    Attributes:
        certainty: Whether sure rows count more.
        most_products: From which number of products on random mixtures of them take their place; 4,096 in the paper.
    """

    certainty: bool = True
    most_products: Annotated[int, Field(ge=16, le=65_536)] = 4096

    def memory(self, task: Task, backbone: Backbone) -> ConditionalDiscriminator:
        return ConditionalDiscriminator(backbone.feature_width, task.num_classes, self.width, self.most_products)

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        discriminator, strength = cast(ConditionalDiscriminator, learner.extra), reversal_strength(progress)
        probs = [rows.logits.detach().softmax(dim=1) for rows in (source, target)]
        shown = (reversed_gradient(rows.features, strength) for rows in (source, target))
        scores = (discriminator(features, own) for features, own in zip(shown, probs, strict=True))
        weights = (certainty_weights(own) for own in probs) if self.certainty else ()
        return {"domain": self.weight * domain_cross_entropy(*scores, *weights)}


class ConditionalDiscriminator(nn.Module):
    """A discriminator on products of features and class probabilities, or on random mixtures of them where there are too many."""

    feature_map: Tensor | None
    prob_map: Tensor | None

    def __init__(self, num_features: int, num_classes: int, width: int, most_products: int) -> None:
        super().__init__()
        mixed = num_features * num_classes > most_products
        self.register_buffer("feature_map", torch.randn(num_features, most_products) if mixed else None)
        self.register_buffer("prob_map", torch.randn(num_classes, most_products) if mixed else None)
        self.discriminator = Discriminator(most_products if mixed else num_features * num_classes, width)

    def forward(self, features: Tensor, probs: Tensor) -> Tensor:
        """The logit for source, float [batch], of features [batch, feature] and probabilities [batch, class]."""
        if self.feature_map is None or self.prob_map is None:
            shown = conditioned(features, probs)
        else:
            shown = randomly_conditioned(features, probs, self.feature_map, self.prob_map)
        scores: Tensor = self.discriminator(shown)
        return scores
