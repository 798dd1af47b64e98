"""What a run was made of, and what can still be made of it."""

from __future__ import annotations

from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.data.task import Task
from headstart.planning.fitting import task_of_plan
from headstart.runs.run import Run


def task_of(run: Run) -> Task | None:
    """The task that a run was fitted on; None where its data are gone or have changed since."""
    try:
        task = task_of_plan(run.plan)
    except HeadstartError:
        return None
    return task if task.fingerprint == run.task_summary.task_fingerprint else None


def unchanged_task_of(run: Run) -> Task:
    """The task that a run was fitted on; a DataError where its data are gone or have changed since."""
    task = task_of(run)
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
