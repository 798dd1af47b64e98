"""Pi-model: two views of an unlabeled picture get the same prediction."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.consistency import squared_difference
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, scores_of, streams_with_pool
from headstart.training.ramps import gaussian_ramp
from headstart.training.settings import Training

RAMP_END = 0.27
"""Share of the training over which the weight grows: 80 of 300 epochs."""


@final
class PiModel(GradientMethod):
    """Trains on labeled pictures and asks that predictions for two weak views of an unlabeled picture agree.

    It assumes no class, so it cannot learn a wrong one; it only smooths the prediction around each picture.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: a little, and seldom hurts: on pictures whose class does not change with place and size.
    Hurts: where a large weight early on makes every prediction the same; the weight grows for that reason.

    Reference: Laine & Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, algorithm 1.
    Differs: labeled pictures are not asked to agree; the weight is not multiplied by the share of labeled rows; training starts
        from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        unlabeled_weight: Largest weight of the difference; 100 times the share of labeled rows in the paper.
    """

    summary: ClassVar[str] = "Two views of an unlabeled picture are to get the same prediction"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=100)] = 10.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak", "weak"))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        labeled, first, second = scores_of(learner, train.images, pool.images, pool.also[0])
        weight = self.unlabeled_weight * gaussian_ramp(progress, RAMP_END)
        return {
            "cross_entropy": soft_cross_entropy(labeled, train.targets),
            "consistency": weight * squared_difference(first.softmax(dim=1), second.softmax(dim=1)),
        }
