"""GroupDRO: the loss of the worst source domain."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.group_dro import group_weights
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import domains_of, losses_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory
from headstart.training.settings import Training


@final
class GroupDro(GradientMethod):
    """Does what erm does with weights of the source domains that follow the largest loss.

    What is good on the worst of the sources is hoped not to fail on another one.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: where one source is hard, and the target may be as hard.
    Hurts: where one source is hard because its labels are wrong: it then rules.

    Reference: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020, algorithm 1.
    Differs: Every domain gives a batch to a step; training starts from the ridge head, and views are computed once where the
        first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        step: How fast weights move to the worst domain; 0.01 in the paper.
    """

    summary: ClassVar[str] = "ERM whose weights follow the worst source"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "domains")

    depth: Depth = "middle"
    flip: bool = False
    step: Annotated[float, Field(ge=0, le=10)] = 0.01

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task, Weights(len(domains_of(task))))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = learner.extra
        assert isinstance(memory, Weights)
        losses = losses_by_domain(learner, batch)
        memory.weights.copy_(group_weights(memory.weights, losses.detach(), self.step))
        return {"cross_entropy": (memory.weights.clone() * losses).sum()}


class Weights(nn.Module):
    """How much each domain counts.

    Args:
        num_domains: Number of domains.
    """

    weights: Tensor

    def __init__(self, num_domains: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((num_domains,), 1 / num_domains))
