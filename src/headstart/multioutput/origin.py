"""What a run of outputs was made of, and what can still be made of it."""

from __future__ import annotations

from headstart.core.errors import DataError, HeadstartError
from headstart.core.records import fingerprint_of
from headstart.multioutput.reading import read_outputs
from headstart.multioutput.run import OutputRun
from headstart.multioutput.task import OutputTask
from headstart.runs.manifest import Manifest, UsedImages
from headstart.runs.provenance import manifest_by, used_by_network


def task_of_outputs(run: OutputRun) -> OutputTask | None:
    """The task that a run was fitted on; None where its data are gone, have changed since or lay in memory."""
    summary = run.summary
    if not summary.place:
        return None
    try:
        task = read_outputs(summary.place, summary.seed, numbers=summary.column, test=summary.test_share)
    except HeadstartError:
        return None
    return task if task.fingerprint == summary.task_fingerprint else None


def unchanged_task_of_outputs(run: OutputRun) -> OutputTask:
    """As `task_of_outputs`; a DataError where its data are gone, have changed since or lay in memory."""
    if not run.summary.place:
        raise DataError(f"The data of {run.folder} lay in memory, and pictures are compared. Run on files to export.")
    task = task_of_outputs(run)
    if task is None:
        raise DataError(f"{run.summary.place} has changed since {run.folder} was made. Restore the data, or run again.")
    return task


def manifest_of_outputs(run: OutputRun, images: UsedImages) -> Manifest:
    """What a run used, without the hashes of its files."""
    one, seed = run.candidate, run.summary.seed
    network = [] if one is None else [used_by_network(one.pretrained, one.weights, one.input_pixels or None, seed)]
    plan = fingerprint_of(None if one is None else one.to_dict())
    return manifest_by(run, images, seed=seed, plan=plan, task=run.summary.task_fingerprint, weights=tuple(network))
