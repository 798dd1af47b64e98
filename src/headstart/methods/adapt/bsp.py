"""BSP: DANN with the largest singular values of the features held down."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.losses.batch_spectral_penalization import batch_spectral_penalization
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._domain_adaptation import AdversarialAdaptation
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class Bsp(AdversarialAdaptation):
    """Does what dann does, with a penalty on the largest singular values of each domain's features.

    Adversarial training lets the few directions dominate that are easiest to align, while the others separate the classes.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: a little beyond dann, with many classes.
    Hurts: where dann hurts.

    Reference: Chen et al., "Transferability vs. Discriminability: Batch Spectral Penalization for Adversarial Domain
        Adaptation", ICML 2019.

    Attributes:
        penalty: Of the squared singular values, beta in the paper, which uses 1e-4.
        num_largest: How many singular values are held down, k in the paper, which uses 1.
    """

    penalty: Annotated[float, Field(ge=0, le=1)] = 1e-4
    num_largest: Annotated[int, Field(ge=1, le=64)] = 1

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        largest = [batch_spectral_penalization(features, self.num_largest) for features in (source, target)]
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "domain": self.domain_loss(learner, source, target, progress),
            "spectral_penalty": self.penalty * (largest[0] + largest[1]),
        }
