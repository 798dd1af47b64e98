"""Labels that look wrong: assessed for a run or an inspection, with a manifest to correct."""

from __future__ import annotations

import shlex
from pathlib import Path

from headstart.core.errors import PlanError, TrainingError
from headstart.core.findings import NotApplicable
from headstart.core.predictions import Predictions
from headstart.core.progress import stage
from headstart.core.records import Record, write_atomically
from headstart.data.task import Task
from headstart.evaluation.label_error_report import LabelErrors
from headstart.evaluation.label_manifest import label_manifest
from headstart.evaluation.out_of_fold import SPLIT
from headstart.planning.fitting import backbone_of, out_of_fold
from headstart.planning.label_errors import AssessedTask, assess_task, cheapest_backbone, features_at_hand, in_files
from headstart.planning.plan import Plan
from headstart.runs.workspace import Workspace


class AssessedStep(Record):
    """The labels of a task that look wrong; None where they could not be assessed."""

    label_errors: LabelErrors | None
    why_not: str = ""


def assessed_anew(task: Task) -> AssessedTask | NotApplicable:
    """The assessed labels of a task by leave-one-out predictions of a ridge head; missing features are extracted."""
    with stage("assessing the labels"):
        return assess_task(task, cheapest_backbone(task))


def write_label_errors(workspace: Workspace, task: Task, plan: Plan) -> None:
    """Write which labels of a run look wrong, by predictions that it has made anyway, and the manifest to correct.

    Neighbors count where the features of the plan's network are at hand; nothing is extracted or trained for it.
    """
    if not task.classes:
        return

    def make(_: Path) -> AssessedStep:
        with stage("assessing the labels"):
            found = _assessed(workspace, task, plan)
        if isinstance(found, NotApplicable):
            return AssessedStep(label_errors=None, why_not=found.reason)
        manifest = workspace.write_label_manifest(label_manifest(task, found.rows, found.found, workspace.folder))
        return AssessedStep(label_errors=found.record(manifest=manifest))

    step = workspace.steps.run("labels", {"task": task.fingerprint, "plan": plan.to_dict()}, AssessedStep, make)
    if step.label_errors is not None:
        workspace.write(step.label_errors)


def check_free(file: Path) -> None:
    """Refuse, by a PlanError, a file that is there already."""
    if file.exists():
        raise PlanError(f"{file} is there already, and may hold corrected labels. Move it away, or name another file.")


def write_manifest(found: AssessedTask, file: Path) -> None:
    """Write the manifest to correct."""
    write_atomically(file, label_manifest(found.task, found.rows, found.found, file.parent))


def next_step(task: Task, file: Path) -> str:
    """What to do with the manifest, as a sentence; rows that are no files cannot be read from one."""
    if not in_files(task):
        return f"correct the labels of these rows in {task.place or 'the data'}, and run again"
    sources = [word for one in task.source_places for word in ("--source", one)]
    return f"correct the column label, then: {shlex.join(['headstart', 'run', str(file), *sources])}"


def _assessed(workspace: Workspace, task: Task, plan: Plan) -> AssessedTask | NotApplicable:
    """By the run's own out-of-fold predictions where they are of all labeled images, or there is nothing else to go by."""
    predictions = _held_out(workspace, task, plan)
    own = backbone_of(plan)
    backbone = next((one for one in (own, cheapest_backbone(task)) if features_at_hand(task, one)), None)
    if backbone is None or (predictions is not None and len(predictions) == len(task.labeled)):
        return assess_task(task, backbone, predictions)
    return assess_task(task, backbone)


def _held_out(workspace: Workspace, task: Task, plan: Plan) -> Predictions | None:
    """The out-of-fold predictions of a run; None where there are none that cost little."""
    run = workspace.run
    if run.evaluation is not None and run.evaluation.split == SPLIT:
        return run.predictions
    if plan.is_trained or len(task.folds) < 2:  # one fold is of few of many rows
        return None
    try:
        return out_of_fold(task, plan, workspace.sharing_steps)
    except (PlanError, TrainingError):
        return None
