"""What a run was made of, and what can still be made of it."""

from __future__ import annotations

from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.data.task import Task
from headstart.planning.fitting import task_of_plan
from headstart.runs.run import Run

EARLIER_TEST = 0.2
"""Earlier versions set a fifth aside as a test of every task without one; their plans do not say so."""


def task_of(run: Run) -> Task | None:
    """The task that a run was fitted on; None where its data are gone, have changed since or lay in memory."""
    if not run.plan.data:
        return None
    for plan in (run.plan, run.plan.model_copy(update={"test": EARLIER_TEST})):
        try:
            task = task_of_plan(plan, run.task_summary.classes)
        except HeadstartError:
            return None
        if task.fingerprint == run.task_summary.task_fingerprint:
            return task
    return None


def unchanged_task_of(run: Run) -> Task:
    """The task that a run was fitted on; a DataError where its data are gone, have changed since or lay in memory."""
    task = task_of(run)
    if not run.plan.data:
        raise DataError(f"{run.folder} was fitted on images in memory, which cannot be read again. Fit it on files, or anew.")
    if task is None:
        raise DataError(f"The data of {run.folder} ({run.plan.data}) are gone or have changed since. Put them back as they were.")
    return task


def check_classes(run: Run, verb: str) -> None:
    """Refuse to do what the verb says with a run that was pretrained without classes."""
    classes = run.task_summary.classes if run.failure else run.model.classes
    if not classes:
        raise PlanError(
            f"{run.folder} was pretrained without classes, so there is nothing to {verb}. "
            f"Transfer from it: headstart fit DATA --method ridge --pretrained run:{run.folder}."
        )
