"""BSP: DANN with the largest singular values of the features held down."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.losses.batch_spectral_penalization import batch_spectral_penalization
from headstart.methods._domain_adaptation import AdversarialAdaptation, Rows
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

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        largest = [batch_spectral_penalization(rows.features, self.num_largest) for rows in (source, target)]
        return {
            "domain": self.domain_loss(learner, source.features, target.features, progress),
            "spectral_penalty": self.penalty * (largest[0] + largest[1]),
        }
