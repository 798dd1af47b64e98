"""Domain generalization: what its methods share."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods._staged import Staged
from headstart.methods.base import Need
from headstart.training.domain_streams import streams_by_domain
from headstart.training.ramps import linear_ramp

PenaltyWeight: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000)]


class DomainGeneralization(Staged):
    """A method that trains on labeled pictures of source domains for a target of which nothing is known.

    Every domain gives a batch to a step. Training starts from the ridge head. Views are computed once where the first part of the
    network is frozen.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source")

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)


class PenalizedGeneralization(DomainGeneralization):
    """A method with a penalty that compares domains and grows in a straight line, where the papers switch it on at once.

    Attributes:
        weight: Of the penalty, at the end.
        begin: Share of the steps before the penalty, and over which it then grows.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "domains")

    weight: PenaltyWeight
    begin: Annotated[float, Field(gt=0, le=0.5)] = 0.1

    def penalty_weight(self, progress: float) -> float:
        """The weight at that share of the steps."""
        return self.weight * linear_ramp(progress, self.begin, 2 * self.begin)
