"""Track: a finished run, written to trackers; and what the verbs with `track` do while they work."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from pathlib import Path

from headstart.core.arguments import Texts, checked
from headstart.core.errors import ExportError, PlanError
from headstart.core.progress import silent
from headstart.core.records import Record
from headstart.planning.improving.study import Found
from headstart.runs.run import Run
from headstart.tracking.contents import Contents, contents_of_run, contents_of_search
from headstart.tracking.session import PATIENCE_SECONDS, Session, tracked, trackers_named
from headstart.tracking.trackers import TRACKERS
from headstart.workflows.arguments import AnyRun


class TrackedRun(Record):
    """Where a run is tracked.

    Attributes:
        tracker: Its name.
        place: A folder, an address or a project.
        identity: What the tracker calls the run.
    """

    tracker: str
    place: str
    identity: str


@checked
def track(run: AnyRun, to: Texts) -> tuple[TrackedRun, ...]:
    """Write a finished run to trackers: parameters, metrics with intervals, training curves, candidates, verdict and report.

    `headstart.run(..., track=...)` writes the same at its end, and the curves while networks are trained. What a tracker was told
    before is not written again; where it has the run no more, or the run's plan has changed, it gets a new one.

    Args:
        run: A finished run, or its folder.
        to: "tensorboard", "mlflow" or "wandb", or several.

    Returns:
        Where it is tracked, for each tracker.

    Raises:
        DataError: The run is none.
        ExportError: A tracker failed.
        MissingExtraError: A tracker's package is not installed.
        PlanError: There is no such tracker, or none is named.
    """
    names = trackers_named(to)
    if not names:
        raise PlanError(f"No tracker is named. Give one or several of {', '.join(TRACKERS.names())} with --to.")
    loaded = Run.load(run)
    with silent(), tracked_run(names, loaded.folder, patience=math.inf) as sessions:
        pass
    faults = [f"{one.name}: {one.fault}." for one in sessions if one.fault]
    if faults:
        raise ExportError(f"{' '.join(faults)} Mend that, or name another tracker, and give the command again.")
    return tuple(
        TrackedRun(tracker=one.name, place=one.record.place, identity=one.record.identity) for one in sessions if one.record
    )


def tracked_run(
    names: tuple[str, ...], folder: Path, patience: float = PATIENCE_SECONDS
) -> AbstractContextManager[list[Session]]:
    """Inside, a run is made in that folder, which is tracked; see `headstart.tracking.session.tracked`."""
    return tracked(names, folder, lambda: contents_of_run(Run(folder)), patience)


def tracked_search(names: tuple[str, ...], folder: Path) -> AbstractContextManager[list[Session]]:
    """As `tracked_run`, for a search."""

    def contents() -> Contents:
        path = folder / "found.json"
        return contents_of_search(Found.read(path), folder)

    return tracked(names, folder, contents)
