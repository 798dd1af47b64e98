"""Deep CORAL: features whose covariances agree."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.deep_coral import deep_coral
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import check_rows_a_step, features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.settings import Training


@final
class DeepCoral(GradientMethod):
    """Trains on source pictures and draws the covariances of both domains' features together.

    It moves least of all such methods: where domains differ by contrast or color alone that may be all that is needed.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with small steps and few settings, where domains differ in how features vary together.
    Hurts: hardly, but does little where the means differ; choose dan.

    Reference: Sun & Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV 2016 Workshops.
    Differs: covariances are those of the last features in place of the class scores; training starts from the ridge head, and
        views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the distance of the covariances; the paper sets it so that both losses end up about the same.
    """

    summary: ClassVar[str] = "Covariances of the features of both domains drawn together"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=1000000)] = 10.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        check_rows_a_step(self.kind(), training)
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "coral": self.weight * deep_coral(source, target),
        }
