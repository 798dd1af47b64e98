"""Simulator: how long works would take on so many workers, from what each of them takes on one.

Assumptions. Workers are equal, and as fast as the machine that the seconds are of. Works begin in their order, as soon as what
they need is done, a worker is free, and the executor has room for them (see `Executor.results`). One process drives: it hands
out works one at a time, and all that they send and receive passes through its link. A work whose worker is lost begins again
from nothing, on the next worker that is free. Slow works and losses are drawn from a seed, for each work the same on any number
of workers.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats

PENDING_A_WORKER = 2
"""Works that the executor begins for each worker before the first result is taken, those that run included."""
MOST_LOSSES = 100
"""A work that is lost so often is given up, as the executor does."""


@dataclass(frozen=True)
class SimulatedWork:
    """A work whose cost is known.

    Attributes:
        name: Of its kind.
        seconds: What it takes on one worker.
        num_bytes: What travels to the worker and back through the driver.
        after: Places of the works that it needs, all before its own.
        on_driver: Whether the driver does it itself, and hands out nothing meanwhile.
    """

    name: str
    seconds: float
    num_bytes: float = 0.0
    after: tuple[int, ...] = ()
    on_driver: bool = False


@dataclass(frozen=True)
class Conditions:
    """What a cluster costs beyond the works themselves.

    Attributes:
        worker_seconds: What a work costs its worker besides computing: reading arguments, writing the result.
        driver_seconds: What a work costs the driver: handing it out, taking its result.
        bytes_per_second: Of the driver's link; infinite where works send and receive next to nothing.
        slow_share: Share of works that take `slow_factor` times as long.
        slow_factor: By which they do.
        hours_between_losses: Of one worker that works, in the mean; infinite where none is lost.
        replacement_seconds: From a loss until another worker is there.
        seed: Of which works are slow, and which workers are lost.
    """

    worker_seconds: float = 0.0
    driver_seconds: float = 0.0
    bytes_per_second: float = float("inf")
    slow_share: float = 0.0
    slow_factor: float = 1.0
    hours_between_losses: float = float("inf")
    replacement_seconds: float = 0.0
    seed: int = 0

    def seconds_on_driver(self, work: SimulatedWork) -> float:
        """What the work takes of the driver's time."""
        return work.seconds if work.on_driver else self.driver_seconds + work.num_bytes / self.bytes_per_second

    def seconds_on_worker(self, work: SimulatedWork) -> float:
        """What the work takes of a worker's time if it is neither slow nor lost."""
        return 0.0 if work.on_driver else self.worker_seconds + work.seconds


@dataclass(frozen=True)
class Simulated:
    """What so many workers would come to.

    Attributes:
        num_workers: Their number.
        seconds: From the begin of the first work to the end of the last.
        busy_seconds: Of all workers together, works that were lost included.
        driver_seconds: Of the driver.
        num_repeated: Works begun again because their worker was lost.
    """

    num_workers: int
    seconds: float
    busy_seconds: float
    driver_seconds: float
    num_repeated: int


@dataclass(frozen=True)
class Bounds:
    """What no number of workers can go below, where none is slow or lost.

    Attributes:
        total_seconds: Of one process that does all of it, without a cluster.
        critical_seconds: Of the longest chain of works that need each other.
        driver_seconds: Of all that the driver does, one after the other.
        critical_path: Names along that chain with their seconds, the longest first.
    """

    total_seconds: float
    critical_seconds: float
    driver_seconds: float
    critical_path: tuple[tuple[str, float], ...]


class _Event(IntEnum):
    """What happens next to a work, or to its worker."""

    HANDED_OUT = 0
    DONE = 1
    LOST = 2
    REPLACED = 3


def simulate(works: Sequence[SimulatedWork], num_workers: int, conditions: Conditions | None = None) -> Simulated:
    """The time that works take on equal workers; the assumptions are those of this module.

    Works that do not need each other take no longer with one more worker, unless workers are lost. Works that do may take longer:
    Graham showed it for every rule that lets no worker wait.

    Args:
        works: In the order in which they are handed out.
        num_workers: How many run at the same time, the driver not counted.
        conditions: What the cluster costs; nothing by default.

    Returns:
        The time, and what it is made of.

    Raises:
        PlanError: There is no worker, a work needs one that is not before it, or a work outlasts every worker.

    Reference: Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM J. Appl. Math. 1969 (list scheduling).
    """
    if num_workers < 1:
        raise PlanError(f"{num_workers} workers can do nothing. Give 1 or more.")
    for place, work in enumerate(works):
        if any(not 0 <= needed < place for needed in work.after):
            raise PlanError(f"Work {place} ({work.name}) needs works {list(work.after)}; only those before it can be needed.")
    return _Simulation(works, num_workers, conditions or Conditions()).run()


class _Simulation:
    """The state of a simulation, from event to event.

    Args:
        works: In the order in which they are handed out.
        num_workers: How many run at the same time.
        conditions: What the cluster costs.
    """

    def __init__(self, works: Sequence[SimulatedWork], num_workers: int, conditions: Conditions) -> None:
        self.works, self.num_workers, self.conditions = works, num_workers, conditions
        self.now = self.ended = self.driver_free = self.busy_seconds = self.driver_seconds = 0.0
        self.num_idle, self.num_repeated = num_workers, 0
        self.num_taken = self.num_admitted = 0
        self.events: list[tuple[float, _Event, int]] = []
        self.for_driver: list[int] = []
        self.for_workers: list[int] = []
        self.is_done = [False] * len(works)
        self.num_missing = [len({*work.after}) for work in works]
        self.needed_by: list[list[int]] = [[] for _ in works]
        for place, work in enumerate(works):
            for needed in {*work.after}:
                self.needed_by[needed].append(place)
        self.attempts = [0] * len(works)
        self.lives: list[Floats] = []
        is_slow = generator_for(conditions.seed, "slow works").random(len(works)) < conditions.slow_share
        self.factors: list[float] = np.where(is_slow, conditions.slow_factor, 1.0).tolist()

    def run(self) -> Simulated:
        """All works, to the end of the last."""
        self._begin_what_can()
        while self.events:
            self.now = self.events[0][0]
            while self.events and self.events[0][0] == self.now:
                _, event, place = heapq.heappop(self.events)
                self._happen(event, place)
            self._begin_what_can()
        return Simulated(self.num_workers, self.ended, self.busy_seconds, self.driver_seconds, self.num_repeated)

    def _happen(self, event: _Event, place: int) -> None:
        if event is _Event.REPLACED:
            self.num_idle += 1
        elif event is _Event.HANDED_OUT:
            heapq.heappush(self.for_workers, place)
        elif event is _Event.LOST:
            self.num_repeated += 1
            heapq.heappush(self.for_workers, place)
            self._later(self.conditions.replacement_seconds, _Event.REPLACED, place)
        else:
            self.num_idle += not self.works[place].on_driver
            self._finish(place)

    def _finish(self, place: int) -> None:
        self.is_done[place] = True
        self.ended = self.now
        for waiting in self.needed_by[place]:
            self.num_missing[waiting] -= 1
            if self.num_missing[waiting] == 0 and waiting < self.num_admitted:
                heapq.heappush(self.for_driver, waiting)
        while self.num_taken < len(self.works) and self.is_done[self.num_taken]:
            self.num_taken += 1

    def _later(self, seconds: float, event: _Event, place: int) -> None:
        heapq.heappush(self.events, (self.now + seconds, event, place))

    def _begin_what_can(self) -> None:
        """Give the driver and the workers what there is for them."""
        room = min(len(self.works), self.num_taken + PENDING_A_WORKER * self.num_workers)
        for place in range(self.num_admitted, room):
            if self.num_missing[place] == 0:
                heapq.heappush(self.for_driver, place)
        self.num_admitted = max(self.num_admitted, room)
        if self.for_driver and self.driver_free <= self.now:
            self._drive(heapq.heappop(self.for_driver))
        while self.for_workers and self.num_idle:
            self._work(heapq.heappop(self.for_workers))

    def _drive(self, place: int) -> None:
        """The driver does a work, or hands it out."""
        seconds = self.conditions.seconds_on_driver(self.works[place])
        self.driver_seconds += seconds
        self.driver_free = self.now + seconds
        self._later(seconds, _Event.DONE if self.works[place].on_driver else _Event.HANDED_OUT, place)

    def _work(self, place: int) -> None:
        """A worker begins a work, which it finishes unless it is lost before."""
        self.num_idle -= 1
        seconds = self.conditions.seconds_on_worker(self.works[place]) * self.factors[place]
        life = self._life_of_worker(place)
        self.attempts[place] += 1
        self.busy_seconds += min(seconds, life)
        self._later(min(seconds, life), _Event.DONE if seconds <= life else _Event.LOST, place)

    def _life_of_worker(self, place: int) -> float:
        """Seconds until the worker that begins the work now would be lost: how long it worked before does not matter."""
        hours, attempt = self.conditions.hours_between_losses, self.attempts[place]
        if hours == float("inf"):
            return hours
        if attempt >= MOST_LOSSES:
            work = self.works[place]
            raise PlanError(
                f"{work.name} takes {work.seconds / 3600:.3g} hours, and a worker is lost every {hours:.3g} hours: it was lost "
                f"{MOST_LOSSES} times. Make smaller works."
            )
        while len(self.lives) <= attempt:
            generator = generator_for(self.conditions.seed, "lost workers", len(self.lives))
            self.lives.append(3600.0 * hours * generator.exponential(size=len(self.works)))
        return float(self.lives[attempt][place])


def bounds_of(works: Sequence[SimulatedWork], conditions: Conditions | None = None) -> Bounds:
    """What no number of workers can go below."""
    costs = conditions or Conditions()
    before: list[int | None] = []
    ends: list[float] = []
    for work in works:
        last = max(work.after, key=lambda place: ends[place], default=None)
        before.append(last)
        own = costs.seconds_on_driver(work) + costs.seconds_on_worker(work)
        ends.append(own + (0.0 if last is None else ends[last]))
    names: dict[str, float] = {}
    place = max(range(len(works)), key=lambda end: ends[end], default=None)
    longest = 0.0 if place is None else ends[place]
    while place is not None:
        names[works[place].name] = names.get(works[place].name, 0.0) + works[place].seconds
        place = before[place]
    return Bounds(
        total_seconds=sum(work.seconds for work in works),
        critical_seconds=longest,
        driver_seconds=sum(map(costs.seconds_on_driver, works)),
        critical_path=tuple(sorted(names.items(), key=lambda entry: -entry[1])),
    )
