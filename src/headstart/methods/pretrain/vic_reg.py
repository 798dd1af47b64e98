"""VICReg: without labels: two views agree, dimensions vary and are not correlated."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.losses.vic_reg import covariance_penalty, variance_hinge
from headstart.methods._self_supervised import TwoViews
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, perceptron


@final
class VicReg(TwoViews):
    """Trains the backbone to embed two views of a picture alike, with terms that keep the embeddings from collapsing.

    Dimensions are compared instead of pictures, so that no large batch is needed. The expander is thrown away, and a ridge head
    on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; some thousands from random weights.
    Helps: as sim_clr does, also in batches of a few dozen.
    Hurts: where crops or colors make the class.

    Reference: Bardes et al., "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning", ICLR 2022,
        section 4.
    Differs: AdamW in place of LARS; as in the authors' code, the distance of the views is a mean over dimensions, not the sum of
        eq. 5, and their variance terms are averaged, not summed as in eq. 6; an expander of two layers and of another width.

    Attributes:
        invariance: Weight of the distance between views, lambda in the paper.
        variance: Weight of the hinge on standard deviations, mu in the paper.
        covariance: Weight of the penalty on covariances, nu in the paper.
        width: Of the embeddings; 8192 in the paper.
    """

    invariance: Annotated[float, Field(ge=0)] = 25.0
    variance: Annotated[float, Field(ge=0)] = 25.0
    covariance: Annotated[float, Field(ge=0)] = 1.0
    width: Annotated[int, Field(ge=2, le=8192)] = 512

    def projector(self, width: int) -> nn.Module:
        return perceptron(width, self.width, self.width)

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        first, second = learner.of_views(batch["pool"])
        return {
            "invariance": self.invariance * functional.mse_loss(first, second),
            "variance": self.variance * (variance_hinge(first) + variance_hinge(second)) / 2,
            "covariance": self.covariance * (covariance_penalty(first) + covariance_penalty(second)),
        }
