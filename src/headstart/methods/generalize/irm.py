"""IRM: features on which one head is the best for every source domain."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.irm_penalty import irm_penalty
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import check_rows_a_step, scores_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory
from headstart.training.ramps import linear_ramp
from headstart.training.settings import Training


@final
class Irm(GradientMethod):
    """Does what erm does with a penalty where scaling the scores would lower the loss of a source domain.

    A clue that is stronger in one source than in another asks for another head there, and is given up.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: as v_rex.
    Hurts: it seldom beats erm where nothing of the target is known.

    Reference: Arjovsky et al., "Invariant Risk Minimization", 2019 (IRMv1).
    Differs: the penalty grows in a straight line in place of at once. Every domain gives a batch to a step; training starts
        from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        weight: Of the penalty, at the end; 100 in published comparisons.
        begin: Share of the steps before the penalty, and over which it then grows.
    """

    summary: ClassVar[str] = "ERM with a penalty where a source would like another head"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "domains")

    depth: Depth = "middle"
    flip: bool = False
    weight: Annotated[float, Field(ge=0, le=1000000)] = 100.0
    begin: Annotated[float, Field(gt=0, le=0.5)] = 0.1

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        check_rows_a_step(self.kind(), training)
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        scored = scores_by_domain(learner, batch)
        losses = torch.stack([soft_cross_entropy(logits, targets) for logits, targets in scored])
        penalties = torch.stack([irm_penalty(logits, targets) for logits, targets in scored])
        weight = self.weight * linear_ramp(progress, self.begin, 2 * self.begin)
        return {"cross_entropy": losses.mean(), "invariance": weight * penalties.mean()}
