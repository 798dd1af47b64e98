"""ERM: the mean loss over source domains."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import losses_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory
from headstart.training.settings import Training


@final
class Erm(GradientMethod):
    """Fine-tunes on all source domains, each counting alike in every step.

    Nothing is done about their differences; in honest comparisons no method is clearly better.

    Needs: labeled source pictures; none of the target.
    Helps: as what others are to be compared with, and mostly as what to take.
    Hurts: where a domain of few pictures counts as much as one of many though it is worse.

    Reference: Gulrajani & Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021, section 4 (ERM).
    Differs: training starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Fine-tuning on all source domains, each counting alike"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source")

    depth: Depth = "middle"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": losses_by_domain(learner, batch).mean()}
