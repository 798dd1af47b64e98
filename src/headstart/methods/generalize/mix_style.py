"""MixStyle: pictures that borrow the style of others, often of another domain."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import losses_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.mix_style import mixing_styles
from headstart.training.pool import learner_with_memory
from headstart.training.settings import Training


@final
class MixStyle(GradientMethod):
    """Does what erm does while channels' means and deviations over places are blended between pictures inside the network.

    Between the styles of the sources the network meets styles that none of them has.

    Needs: labeled source pictures, best of several domains, and a network of maps; none of the target.
    Helps: where domains differ in style: color, contrast, texture, medium.
    Hurts: where style tells classes apart.

    Reference: Zhou et al., "Domain Generalization with MixStyle", ICLR 2021.
    Differs: where the first part of the network is frozen, styles are mixed where the trained part begins, which is later
        than in the paper; elsewhere behind the first two stages. Partners are drawn from all domains. Every domain gives a
        batch to a step; training starts from the ridge head, and views are computed once where the first part of the network
        is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        probability: Of mixing at all in a step; 0.5 in the paper.
        alpha: Of the beta distribution of shares; 0.1 in the paper.
    """

    summary: ClassVar[str] = "ERM whose pictures borrow each other's style inside the network"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "stages")

    depth: Depth = "middle"
    flip: bool = False
    probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    alpha: Annotated[float, Field(gt=0, le=10)] = 0.1

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        with mixing_styles(learner, self.probability, self.alpha):
            return {"cross_entropy": losses_by_domain(learner, batch).mean()}
