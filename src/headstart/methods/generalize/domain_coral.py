"""CORAL across sources: features whose means and covariances agree between all source domains."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, ClassVar, final

import torch
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
from headstart.training.domains import check_rows_a_step, features_by_domain, streams_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory
from headstart.training.settings import Training


@final
class DomainCoral(GradientMethod):
    """Does what erm does and draws the means and covariances of every two source domains together.

    What the sources share is then likelier to hold in a domain that is not seen.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: a little, in some comparisons, beyond erm.
    Hurts: where the classes of the sources are not equally frequent.

    Reference: Gulrajani & Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021, appendix (CORAL); Sun & Saenko,
        "Deep CORAL", ECCV 2016 Workshops.
    Differs: distances are divided by the number of pairs. Every domain gives a batch to a step; training starts from the
        ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        weight: Of the distances.
    """

    summary: ClassVar[str] = "ERM with the means and covariances of the sources drawn together"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "domains")

    depth: Depth = "middle"
    flip: bool = False
    weight: Annotated[float, Field(ge=0, le=1000000)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        check_rows_a_step(self.kind(), training)
        return learner_with_memory(backbone, task)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        features = features_by_domain(learner, batch)
        losses = [soft_cross_entropy(learner.head(own), part.targets) for own, part in zip(features, batch.values(), strict=True)]
        pairs = list(combinations(features, 2))
        gaps = [deep_coral(*pair) + (pair[0].mean(dim=0) - pair[1].mean(dim=0)).square().mean() for pair in pairs]
        return {"cross_entropy": torch.stack(losses).mean(), "coral": self.weight * torch.stack(gaps).mean()}
