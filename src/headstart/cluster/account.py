"""Account: what was computed on a cluster, where, and what it cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.cluster.worker import Done
from headstart.core.errors import PlanError
from headstart.core.records import Record

PRICE_VARIABLE = "HEADSTART_CORE_HOUR_PRICE"
"""Names the variable with what a core costs an hour, as a number that a currency may follow: 0.04 USD."""


class WorkCost(Record):
    """What the works of one kind took.

    Attributes:
        name: Of the kind.
        num: Their number.
        seconds: Of all workers together.
        core_seconds: The same times the cores that each work had.
        sent_bytes: What came back from the workers.
        peak_bytes: The most memory of a worker.
    """

    name: str
    num: int = 0
    seconds: float = 0.0
    core_seconds: float = 0.0
    sent_bytes: int = 0
    peak_bytes: int = 0

    def joined(self, other: WorkCost) -> WorkCost:
        """Both together."""
        return WorkCost(
            name=self.name,
            num=self.num + other.num,
            seconds=self.seconds + other.seconds,
            core_seconds=self.core_seconds + other.core_seconds,
            sent_bytes=self.sent_bytes + other.sent_bytes,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
        )


class ClusterUse(Record):
    """What a run computed on a cluster.

    Attributes:
        address: Of the cluster.
        threads: Threads of each work.
        costs: By the kind of works.
        nodes: Works by node.
        num_repeated: Works that were begun anew because their node or their process was lost.
        core_hour_price: What a core costs an hour; 0 where that is not known.
        currency: Of the price.
    """

    address: str
    threads: int
    costs: tuple[WorkCost, ...] = ()
    nodes: dict[str, int] = {}
    num_repeated: int = 0
    core_hour_price: float = 0.0
    currency: str = ""

    @property
    def core_hours(self) -> float:
        """Of all works."""
        return sum(cost.core_seconds for cost in self.costs) / 3600

    def money(self, core_seconds: float) -> float:
        """What so many seconds of a core cost."""
        return core_seconds / 3600 * self.core_hour_price

    def joined(self, earlier: ClusterUse | None) -> ClusterUse:
        """This use together with an earlier one of the same run, which was ended early."""
        if earlier is None:
            return self
        costs = {cost.name: cost for cost in earlier.costs}
        for cost in self.costs:
            costs[cost.name] = costs[cost.name].joined(cost) if cost.name in costs else cost
        nodes = {name: earlier.nodes.get(name, 0) + self.nodes.get(name, 0) for name in {**earlier.nodes, **self.nodes}}
        repeated = self.num_repeated + earlier.num_repeated
        return self.model_copy(update={"costs": tuple(costs.values()), "nodes": nodes, "num_repeated": repeated})


@dataclass
class Account:
    """Costs by the kind of works, and the number of works by node."""

    costs: dict[str, WorkCost] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    num_repeated: int = 0

    def add(self, name: str, done: Done, threads: int) -> None:
        """Count a finished work that had so many threads."""
        cost = WorkCost(
            name=name, num=1, seconds=done.seconds, core_seconds=threads * done.seconds, sent_bytes=size_of(done.result),
            peak_bytes=done.peak_bytes,
        )  # fmt: skip
        self.costs[name] = self.costs[name].joined(cost) if name in self.costs else cost
        self.nodes[done.node] = self.nodes.get(done.node, 0) + 1

    def use(self, address: str, threads: int) -> ClusterUse:
        """The record of it."""
        price, currency = price_from(os.environ.get(PRICE_VARIABLE, ""))
        return ClusterUse(
            address=address, threads=threads, costs=tuple(self.costs.values()), nodes=self.nodes, num_repeated=self.num_repeated,
            core_hour_price=price, currency=currency,
        )  # fmt: skip


def price_from(text: str) -> tuple[float, str]:
    """The number and the currency of a price; 0 for an empty text, a `PlanError` for what is no price.

    >>> price_from("0.04 USD")
    (0.04, 'USD')
    """
    number, _, currency = text.strip().partition(" ")
    try:
        price = float(number) if number else 0.0
    except ValueError:
        price = -1.0
    if not 0 <= price < float("inf"):
        raise PlanError(f'{PRICE_VARIABLE} = "{text}" is no price. Write a number, or for example 0.04 USD.')
    return price, currency.strip()


def size_of(value: Any) -> int:
    """Bytes of the arrays and contents in a value, those in its fields and items included."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(size_of(one) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(size_of(one) for one in value)
    return size_of(vars(value)) if hasattr(value, "__dict__") else 0
