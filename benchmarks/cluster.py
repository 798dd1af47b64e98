"""Works that sleep instead of computing, on Ray with 1, 2, 4 and 16 workers: measured time beside the simulator's.

All workers are processes of this machine, whose cores they do not need while they sleep. What a work costs its worker and the
driver is measured first, with works that do nothing; the simulator gets these two numbers and the seconds of the sleep, and
nothing of the measured times. A worker's process starts before the clock does. The last column repeats the works with the
first of them five times as long, which the order of results makes others wait for.

Expected: efficiency, the seconds of all works / (workers x seconds), of 0.85 or more at 1, 4 and 16 workers, and predicted
times within a tenth of the measured ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks._ray_cluster import ray_cluster, slept
from benchmarks.protocol import alone, arguments, show
from headstart.cluster.connection import connected
from headstart.cluster.ray_executor import RayExecutor
from headstart.cluster.simulator import Conditions, SimulatedWork, simulate
from headstart.core.executing import Executor, Work
from headstart.core.seeds import generator_for

NUM_WARM, NUM_EMPTY = 4, 50
"""Works for each worker before the clock starts, and works that do nothing, which give the cost of one."""
LONG = 5
"""Times that the first work takes in the second measurement."""


def costs_of(num_works: int, mean_seconds: float, seed: int) -> list[float]:
    """Unequal seconds: from half of the mean to one and a half of it."""
    return [mean_seconds * (0.5 + share) for share in generator_for(seed, "costs").random(num_works)]


def seconds_of(on: Executor, costs: Sequence[float]) -> float:
    """From the first work handed out to the last result taken."""
    begun = time.perf_counter()
    for found, cost in zip(on.results(Work(slept, (cost,), "sleep") for cost in costs), costs, strict=True):
        if found != cost:
            raise RuntimeError("results are not in the order of the works")
    return time.perf_counter() - begun


def warmed(on: Executor) -> None:
    """Let every worker start, and import what works need."""
    for _ in range(NUM_WARM):
        seconds_of(on, [0.5] * on.num_workers)


def conditions_of(on: RayExecutor) -> Conditions:
    """What a work costs: the driver where it hands out one after the other, the worker what is left of a work on its own."""
    warmed(on)
    begun = time.perf_counter()
    for _ in range(NUM_EMPTY):
        on.submit(Work(slept, (0.0,), "nothing")).result()
    single = (time.perf_counter() - begun) / NUM_EMPTY
    begun = time.perf_counter()
    pending = [on.submit(Work(slept, (0.0,), "nothing")) for _ in range(NUM_EMPTY)]
    handing_out = (time.perf_counter() - begun) / NUM_EMPTY
    for one in pending:
        one.result()
    return Conditions(worker_seconds=max(0.0, single - handing_out), driver_seconds=handing_out)


def measured(num_workers: int, works_per_worker: int, mean_seconds: float, seed: int) -> dict[str, object]:
    """One cluster: its costs, then the works, simulated and real, even and with one long work."""
    with ray_cluster(num_nodes=1, num_cpus=num_workers) as address, connected(address) as connection:
        on = RayExecutor(connection)
        if on.num_workers != num_workers:
            raise RuntimeError(f"the cluster has {on.num_workers} workers in place of {num_workers}: it is another one")
        costs = conditions_of(on)
        even = costs_of(num_workers * works_per_worker, mean_seconds, seed)
        long = [LONG * even[0], *even[1:]]
        real, real_long = seconds_of(on, even), seconds_of(on, long)
    foreseen, foreseen_long = (
        simulate([SimulatedWork("sleep", one) for one in seconds], num_workers, costs).seconds for seconds in (even, long)
    )
    total = sum(even)
    return {
        "workers": num_workers,
        "worker ms/work": 1e3 * costs.worker_seconds,
        "driver ms/work": 1e3 * costs.driver_seconds,
        "predicted s": foreseen,
        "measured s": real,
        "predicted/measured": foreseen / real,
        "predicted efficiency": total / (num_workers * foreseen),
        "efficiency": total / (num_workers * real),
        "long: predicted s": foreseen_long,
        "long: measured s": real_long,
        "long: predicted/measured": foreseen_long / real_long,
    }


def main() -> None:
    """Print a row for each number of workers and repetition."""
    options = arguments(__doc__ or "", seeds=1, workers=(1, 2, 4, 16), works_per_worker=10, mean_seconds=4.0)
    rows = [
        alone(measured, workers, options.works_per_worker, options.mean_seconds, seed)
        for seed in range(options.seeds)
        for workers in options.workers
    ]
    title = f"{options.works_per_worker} works a worker of {options.mean_seconds} s in the mean that sleep, on Ray"
    show(title, rows, [], ["predicted/measured", "long: predicted/measured"])


if __name__ == "__main__":
    main()
