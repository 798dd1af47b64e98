"""V-REx: source domains on which a network does equally well."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.risk_variance import risk_variance
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import losses_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory
from headstart.training.ramps import linear_ramp
from headstart.training.settings import Training


@final
class VRex(GradientMethod):
    """Does what erm does with a penalty on the variance of the source domains' losses.

    What serves all sources alike is hoped to rest on causes rather than on what comes along with them.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: where a clue is right in all sources but more often in some than in others.
    Hurts: it seldom beats erm where nothing of the target is known.

    Reference: Krueger et al., "Out-of-Distribution Generalization via Risk Extrapolation", ICML 2021.
    Differs: the penalty grows in a straight line in place of at once. Every domain gives a batch to a step; training starts
        from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        weight: Of the variance, at the end; 10 in published comparisons.
        begin: Share of the steps before the penalty, and over which it then grows.
    """

    summary: ClassVar[str] = "ERM with the variance of the losses of the sources held down"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "domains")

    depth: Depth = "middle"
    flip: bool = False
    weight: Annotated[float, Field(ge=0, le=1000000)] = 10.0
    begin: Annotated[float, Field(gt=0, le=0.5)] = 0.1

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        losses = losses_by_domain(learner, batch)
        weight = self.weight * linear_ramp(progress, self.begin, 2 * self.begin)
        return {"cross_entropy": losses.mean(), "risk_variance": weight * risk_variance(losses)}
