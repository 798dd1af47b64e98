"""SimCLR: without labels: tell a picture's second view from all other pictures."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor, nn

from headstart.losses.nt_xent import nt_xent
from headstart.methods._self_supervised import TwoViews
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, perceptron


@final
class SimClr(TwoViews):
    """Trains the backbone to find each picture's second view among the views of the whole batch.

    It learns features that crops and changes of color preserve; the projector on which views are compared is thrown away, and a
    ridge head on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; some thousands from random weights.
    Helps: with many unlabeled pictures of a kind that no pretrained network knows.
    Hurts: where crops or colors make the class; in small batches, which hold few others to tell a picture from.

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, section 2.
    Differs: AdamW in place of LARS, batches of hundreds; one of several changes of color at a time, and no blur.

    Attributes:
        temperature: Of the cosines; 0.5 in the paper's CIFAR-10 experiments (appendix B.9).
        width: Of the projections, 128 in the paper.
    """

    temperature: Annotated[float, Field(gt=0, le=10)] = 0.5
    width: Annotated[int, Field(ge=2, le=8192)] = 128

    def projector(self, width: int) -> nn.Module:
        return perceptron(width, width, self.width)

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        first, second = learner.of_views(batch["pool"])
        return {"nt_xent": nt_xent(first, second, self.temperature)}
