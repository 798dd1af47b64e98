"""Simulation: what a cluster would make of works, for several numbers of workers, as a table and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.cluster.simulator import Bounds, Conditions, SimulatedWork, bounds_of, simulate
from headstart.core.records import Record

MOST_NAMED = 3
"""Steps that the sentence on the limit names."""


class Workers(Record):
    """What so many workers would come to.

    Attributes:
        num_workers: Their number; each is a machine like the one that the works were measured on.
        seconds: Wall time.
        speed_up: Seconds of one process without a cluster / wall time.
        efficiency: Speed-up / number of workers.
        machine_hours: Number of workers x wall time: a machine is paid for until the end.
        cost: Machine-hours x price; None where no price was given.
        num_repeated: Works begun again because their worker was lost.
    """

    num_workers: int
    seconds: float
    speed_up: float
    efficiency: float
    machine_hours: float
    cost: float | None
    num_repeated: int


class PathStep(Record):
    """Steps of one kind on the longest chain of steps that wait for each other."""

    name: str
    seconds: float


class Simulation(Record):
    """What a cluster would make of works.

    Attributes:
        num_works: Works that workers would do.
        one_process_seconds: What one process takes for everything.
        least_seconds: What no number of workers goes below.
        critical_path: What that consists of, the longest first.
        workers: A row for each number of workers.
        sentence: What limits the speed-up.
    """

    num_works: int
    one_process_seconds: float
    least_seconds: float
    critical_path: tuple[PathStep, ...]
    workers: tuple[Workers, ...]
    sentence: str


def simulation_of(
    works: Sequence[SimulatedWork], numbers: Sequence[int], conditions: Conditions | None = None, price: float | None = None
) -> Simulation:
    """Simulate the works on each of several numbers of workers.

    Args:
        works: Works of the driver and of workers, in order.
        numbers: Of workers.
        conditions: What the cluster costs.
        price: Of a machine-hour.

    Returns:
        A row for each number, and what limits all of them.

    Raises:
        PlanError: A number is less than 1, or a work outlasts every worker.
    """
    bounds = bounds_of(works, conditions)
    rows = []
    for number in numbers:
        found = simulate(works, number, conditions)
        hours = number * found.seconds / 3600.0
        speed_up = bounds.total_seconds / found.seconds if found.seconds else 1.0
        rows.append(
            Workers(
                num_workers=number,
                seconds=found.seconds,
                speed_up=speed_up,
                efficiency=speed_up / number,
                machine_hours=hours,
                cost=None if price is None else price * hours,
                num_repeated=found.num_repeated,
            )
        )
    return Simulation(
        num_works=sum(not work.on_driver for work in works),
        one_process_seconds=bounds.total_seconds,
        least_seconds=max(bounds.critical_seconds, bounds.driver_seconds),
        critical_path=tuple(PathStep(name=name, seconds=seconds) for name, seconds in bounds.critical_path),
        workers=tuple(rows),
        sentence=_sentence(bounds),
    )


def _sentence(bounds: Bounds) -> str:
    if bounds.driver_seconds > bounds.critical_seconds:
        return (
            f"No number of workers takes less than {bounds.driver_seconds:,.1f} s: so long one process hands out works and takes "
            "their results. Make works larger."
        )
    named = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in bounds.critical_path[:MOST_NAMED] if seconds)
    return f"No number of workers takes less than {bounds.critical_seconds:,.1f} s: steps wait for each other ({named})."
