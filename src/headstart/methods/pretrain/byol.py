"""BYOL: without labels: predict a running average's projection of another view."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cosine_distance import cosine_distance
from headstart.methods._self_supervised import TwoViews
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, perceptron
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


class Bootstrap(nn.Module):
    """What is trained and kept beside backbone and projector: the predictor, and the target network."""

    def __init__(self, learner: Embedder, width: int) -> None:
        super().__init__()
        self.predictor = perceptron(width, 2 * width, width)
        self.target = Teacher(learner)


@final
class Byol(TwoViews):
    """Trains the backbone to predict from one view the projection of the other view by a running average of itself.

    There are no negative pairs; that only one side predicts, and the other follows slowly, prevents collapse. Projector and
    predictor are thrown away, and a ridge head on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; some thousands from random weights.
    Helps: as sim_clr does, and where many pictures are near copies, which sim_clr would push apart.
    Hurts: in short trainings, as the target has to follow first.

    Reference: Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS 2020, section 3.
    Differs: AdamW in place of LARS; the target's decay does not grow during the training; smaller projections.

    Attributes:
        decay: Of the target's running average; 0.996 in the paper, whose trainings are a hundred times longer.
        width: Of the projections; 256 in the paper.
    """

    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    width: Annotated[int, Field(ge=2, le=8192)] = 256

    def projector(self, width: int) -> nn.Module:
        return perceptron(width, 2 * self.width, self.width)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        learner = super().build(task, backbone, training)
        learner.extra = Bootstrap(learner, self.width)
        return learner

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        first, second = (learner.extra.predictor(projections) for projections in learner.of_views(batch["pool"]))
        wanted_of_second, wanted_of_first = learner.of_views(batch["pool"], learner.extra.target)
        return {"prediction": cosine_distance(first, wanted_of_first) + cosine_distance(second, wanted_of_second)}

    def after_step(self, learner: Embedder, step: int) -> None:
        learner.extra.target.update(learner, self.decay)
