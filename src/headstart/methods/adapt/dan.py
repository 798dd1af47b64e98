"""DAN: features whose distributions agree in the eyes of several kernels."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.mmd import mmd
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.settings import Training


@final
class Dan(GradientMethod):
    """Trains on source pictures and draws the features of both domains together, by maximum mean discrepancy.

    No second network plays against the first, so training is steadier than where one does.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where a few dozen rows a step show what the domains are like, and classes are about equally frequent in both.
    Hurts: where classes are much more frequent in one domain: aligned features then mix them up.

    Reference: Long et al., "Learning Transferable Features with Deep Adaptation Networks", ICML 2015.
    Differs: the last features alone are aligned, with equally weighted kernels around the median distance; training starts
        from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the discrepancy.
    """

    summary: ClassVar[str] = "Features of both domains drawn together by maximum mean discrepancy"
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
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "mmd": self.weight * mmd(source, target),
        }
