"""Adjust: a finished run with one changed plan, kept only if better."""

from __future__ import annotations

import time
from pathlib import Path

from headstart.backbones.label_contamination import check_contamination
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import TrainingError
from headstart.core.progress import stage
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.planning.cross_validation import cross_validate, fold_inputs
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.improving import adjust as adjusting
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.improving.fit_evidence import FitEvidence, gathered
from headstart.planning.improving.search import check_budget, check_folds
from headstart.runs.origin import check_classes, unchanged_task_of
from headstart.runs.run import Run
from headstart.runs.workspace import Workspace
from headstart.workflows.arguments import AnyRun
from headstart.workflows.fit import fit_task


class ValidationTime(Record):
    """Seconds that cross-validating the plan of a run took; about 0 where its folds had been fitted before."""

    seconds: float


@checked
def adjust(run: AnyRun, *, minutes: float | None = None, out: AnyPath | None = None) -> tuple[Run, Adjustment]:
    """The run with one changed plan, if a paired test on held-out rows says that the change is better; else the run itself.

    Fitted folds stay with the run that is adjusted: called again, or with more minutes, nothing is fitted twice.

    The run may be one whose training broke down; its data must still be there. Without minutes one change is tried; with them,
    further ones until cross-validation has taken so long, that of the run's own plan included, or nothing is proposed. The run to
    use from now on comes back with what was tried.
    """
    run = Run.load(run, broken=True)
    check_budget(minutes)
    check_classes(run, "adjust")
    if out is not None:
        Workspace(Path(out)).claim_adjustment(run.folder, minutes)
    task = unchanged_task_of(run)
    check_folds(task)
    check_contamination(task, run.plan.networks)
    steps = Workspace(run.folder).sharing_steps
    with stage("cross-validating the run"):
        spent = _seconds_of_folds(run, task, steps)
        evidence = _evidence_of(run, task, steps)
    earlier = run.adjustment.num_tested if run.adjustment else 0
    adjustment = adjusting.adjust(evidence, steps, minutes=minutes, parent=str(run.folder), earlier=earlier, spent_seconds=spent)
    if not adjustment.accepted and evidence.model is None:
        raise TrainingError(f"{run.failure} {adjustment.sentence}")
    if not adjustment.accepted:
        return run, adjustment
    workspace = Workspace.named(out, run.folder, adjustment.plan.to_dict())
    workspace.write(adjustment)
    return fit_task(task, adjustment.plan, workspace.folder), adjustment


def _seconds_of_folds(run: Run, task: Task, steps: Steps) -> float:
    """Seconds that cross-validating the run's plan took the first time, so that a restart decides alike."""

    def make(_: Path) -> ValidationTime:
        begun = time.perf_counter()
        cross_validate(task, candidate_of(run.plan), backbone_of(run.plan), task.folds, steps)
        return ValidationTime(seconds=time.perf_counter() - begun)

    return steps.run("look", {"task": task.fingerprint, "plan": run.plan.to_dict()}, ValidationTime, make).seconds


def _evidence_of(run: Run, task: Task, steps: Steps) -> FitEvidence:
    plan = run.plan
    backbone, candidate = backbone_of(plan), candidate_of(plan)
    model = None if run.failure else run.model
    validated = cross_validate(task, candidate, backbone, task.folds, steps)
    name = steps.stem("fit", {"plan": plan.to_dict(), "task": task.fingerprint})
    if plan.hold_out:
        name = steps.stem("fold", fold_inputs(task, candidate.alone, backbone, 0))
    return gathered(task, plan, backbone, validated, model, steps.folder / name, evaluation=run.evaluation)
