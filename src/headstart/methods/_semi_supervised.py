"""Semi-supervised learning by gradient: what its methods share."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName
from headstart.methods._staged import Staged
from headstart.methods.base import Need
from headstart.training.pool import streams_with_pool

Ratio: TypeAlias = Annotated[int, Field(ge=1, le=7)]


class SemiSupervised(Staged):
    """A method that trains on labeled pictures and on unlabeled ones of the same classes.

    Training starts from the ridge head. Views are computed once where the first part of the network is frozen. Strong views
    change colors and hide a square, in place of the papers' RandAugment or CTAugment.

    Attributes:
        labeled_views: Views of each labeled picture; the first is `Batch.images`, the others are `Batch.also`.
        unlabeled_views: Views of each unlabeled picture, likewise.
        unlabeled_ratio: Unlabeled rows a step for each labeled one; mu in FixMatch and its successors, 7 there.
        unlabeled_weight: Weight of the loss on unlabeled pictures.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")
    labeled_views: ClassVar[tuple[ViewName, ...]] = ("weak",)
    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "strong")

    unlabeled_ratio: Ratio = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, self.labeled_views, self.unlabeled_views)
