"""JAN: features and predictions whose joint distributions agree."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.joint_mmd import joint_mmd
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.settings import Training


@final
class Jan(GradientMethod):
    """Does what dan does, for features and class predictions together.

    A feature then has to stand for the same class in both domains, which features aligned alone need not.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: as dan, a little more, where first predictions on the target are mostly right.
    Hurts: where they are not, and where classes are much more frequent in one domain.

    Reference: Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML 2017.
    Differs: widths of the kernel of predictions lie around the median distance too; training starts from the ridge head, and
        views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the discrepancy.
    """

    summary: ClassVar[str] = "Features and predictions of both domains drawn together by joint mean discrepancy"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        source_scores, target_scores = learner.head(source), learner.head(target)
        joint = joint_mmd((source, source_scores.softmax(dim=1)), (target, target_scores.softmax(dim=1)))
        return {
            "cross_entropy": soft_cross_entropy(source_scores, batch["train"].targets),
            "joint_mmd": self.weight * joint,
        }
