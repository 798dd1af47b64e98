"""Account: what was computed on a cluster, where, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from headstart.cluster.worker import Done
from headstart.core.records import Record


class WorkCost(Record):
    """What works of one name took.

    Attributes:
        name: Of the works.
        num: Their number.
        seconds: Of the workers, together.
        peak_bytes: The most memory of a worker.
    """

    name: str
    num: int
    seconds: float
    peak_bytes: int


@dataclass
class Account:
    """Costs by the name of the works, and the number of works by node."""

    costs: dict[str, WorkCost] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, done: Done) -> None:
        """Count a finished work."""
        before = self.costs.get(name) or WorkCost(name=name, num=0, seconds=0.0, peak_bytes=0)
        peak = max(before.peak_bytes, done.peak_bytes)
        self.costs[name] = WorkCost(name=name, num=before.num + 1, seconds=before.seconds + done.seconds, peak_bytes=peak)
        self.nodes[done.node] = self.nodes.get(done.node, 0) + 1
