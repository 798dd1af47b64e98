"""MCC: predictions on the target that do not confuse classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.class_confusion import class_confusion
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.settings import Training


@final
class Mcc(GradientMethod):
    """Trains on source pictures and asks of target predictions that no two classes are confused again and again.

    Nothing is aligned, so that it does not matter how frequent classes are; rows that are sure count more.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: in most cases: the best or nearly the best in most published tables; also where the target lacks some classes.
    Hurts: where first predictions on the target are mostly wrong, which it then makes sure of.

    Reference: Jin et al., "Minimum Class Confusion for Versatile Domain Adaptation", ECCV 2020.
    Differs: training starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the confusion.
        temperature: Divides target logits; 2.5 in the paper.
    """

    summary: ClassVar[str] = "Predictions on the target that do not confuse classes"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    temperature: Annotated[float, Field(gt=0, le=10)] = 2.5

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "confusion": self.weight * class_confusion(learner.head(target), self.temperature),
        }
