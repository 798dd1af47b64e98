"""Simulate: what a cluster would have made of a run, from the seconds of its steps."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.backbones.engines.chosen import choices
from headstart.cluster.logged_works import Extraction, Step, works_of
from headstart.cluster.simulation import Simulation, simulation_of
from headstart.cluster.simulator import Conditions
from headstart.core.arguments import checked
from headstart.core.errors import DataError, PlanError
from headstart.core.steps import Steps
from headstart.features.extraction_works import WORK_CHUNKS
from headstart.features.store.store import CHUNK_ROWS
from headstart.planning.plan import is_gradient
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun

NUMBERS = (1, 2, 4, 8, 16, 64, 256, 1000)
WORKER_SECONDS, DRIVER_SECONDS = 0.1, 0.004
"""What a work costs its worker and the driver besides computing: 0.10 to 0.27 s and 0.9 to 3.6 ms with 1 to 16 workers on two
cores that other programs kept busy, so that an idle cluster is faster (`python -m benchmarks.cluster`)."""


@checked
def simulate(
    run: AnyRun, *, workers: Sequence[int] = NUMBERS, price: float | None = None, lost_every: float | None = None, seed: int = 0
) -> Simulation:
    """What a cluster would have made of a run that one process made, from the log of its steps.

    A worker is a machine like the one of the run. Workers train the folds of trained candidates, and extract features; the
    rest waits for them in one process. Features count if the cache knows the rate of their network on this machine.

    Args:
        run: The run, or its folder.
        workers: Numbers of workers.
        price: Of a machine-hour, in whatever money.
        lost_every: Hours after which a worker is lost, in the mean; None for never.
        seed: Of when workers are lost.

    Returns:
        A row for each number of workers, and what limits all of them.

    Raises:
        DataError: The run has no log of steps.
        PlanError: An argument is not usable.
    """
    if price is not None and price < 0:
        raise PlanError(f"--price {price} is less than nothing. Give the price of a machine-hour.")
    if lost_every is not None and lost_every <= 0:
        raise PlanError(f"--lost-every {lost_every} is no time. Give hours, more than 0.")
    loaded = Run.load(run)
    steps = [Step(name, seconds) for name, seconds in Steps(loaded.folder / "steps").logged()]
    if not steps:
        raise DataError(f"{loaded.folder} has no log of steps to simulate. Name a run that was made by `headstart run`.")
    conditions = Conditions(
        worker_seconds=WORKER_SECONDS,
        driver_seconds=DRIVER_SECONDS,
        hours_between_losses=float("inf") if lost_every is None else lost_every,
        seed=seed,
    )
    works = works_of(steps, _num_trained_folds(loaded), _extractions(loaded), WORK_CHUNKS * CHUNK_ROWS)
    return simulation_of(works, workers, conditions, price)


def _num_trained_folds(run: Run) -> int:
    """Folds of candidates that were trained, which are the last ones of a decision; those of ensembles are theirs."""
    results = run.decision.results if run.decision else ()
    return sum(one.num_folds for one in results if is_gradient(one.method) and one.seconds and not one.partners)


def _extractions(run: Run) -> list[Extraction]:
    """Features of the run's networks whose rate on this machine is known."""
    images_per_second = {one.network: one.reached or one.promised for one in choices()}
    results = run.decision.results if run.decision else ()
    networks = sorted({f"{one.pretrained} at {one.input_pixels} pixels" for one in results if one.status == "fitted"})
    num_images = run.task_summary.num_train
    known = [name for name in networks if images_per_second.get(name) and num_images]
    return [Extraction(name, num_images, images_per_second[name]) for name in known]
