"""VICReg: two views must agree, while every dimension varies and no two say the same."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.two_views import two_views
from headstart.losses.vic_reg import covariance_penalty, variance_hinge
from headstart.methods._handover import handed_over
from headstart.methods.base import GradientMethod
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, check_batch, perceptron
from headstart.training.settings import Training


@final
class VicReg(GradientMethod):
    """Trains the backbone to embed two views of a picture alike, with terms that keep the embeddings from collapsing.

    Pictures are not compared with each other but dimensions are, so that no large batch is needed. The expander is thrown
    away, and a ridge head on the labeled rows makes a model of the backbone.

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
        crop: Smallest share of the area that a view shows; 0.08 in the paper, more here as small pictures hold less.
        flip: Whether half of the views are mirrored; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Without labels: two views agree, dimensions vary and are not correlated"
    label_free: ClassVar[bool] = True

    invariance: Annotated[float, Field(ge=0)] = 25.0
    variance: Annotated[float, Field(ge=0)] = 25.0
    covariance: Annotated[float, Field(ge=0)] = 1.0
    width: Annotated[int, Field(ge=2, le=8192)] = 512
    crop: Annotated[float, Field(gt=0, le=1)] = 0.3
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"pool": two_views(task, self.crop, self.flip)}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        check_batch(self.kind(), training)
        return Embedder(backbone, perceptron(backbone.feature_width, self.width, self.width))

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        first, second = learner.of_views(batch["pool"])
        return {
            "invariance": self.invariance * functional.mse_loss(first, second),
            "variance": self.variance * (variance_hinge(first) + variance_hinge(second)) / 2,
            "covariance": self.covariance * (covariance_penalty(first) + covariance_penalty(second)),
        }

    def deploy(self, learner: Embedder, task: Task) -> Model:
        return handed_over(learner.backbone, task)
