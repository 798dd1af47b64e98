"""Domain generalization: what its methods share."""

from __future__ import annotations

from typing import ClassVar

from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.methods._staged import Staged
from headstart.methods.base import Need
from headstart.training.domain_streams import streams_by_domain


class DomainGeneralization(Staged):
    """A method that trains on labeled pictures of source domains for a target of which nothing is known.

    Every domain gives a batch to a step. Training starts from the ridge head. Views are computed once where the first part of the
    network is frozen.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "named_domains")

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_by_domain(task, self.flip)
