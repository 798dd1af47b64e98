"""Adjust: a finished run with one changed plan, kept only if better."""

from __future__ import annotations

import time
from pathlib import Path

from headstart.backbones.label_contamination import check_contamination
from headstart.core.arguments import AnyPath, Texts, checked
from headstart.core.dropping import noting_drops
from headstart.core.errors import PlanError, TrainingError
from headstart.core.progress import note, stage
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.planning.costs import seconds_of_cross_validation
from headstart.planning.cross_validation import cross_validate, drop_fold_models, fold_inputs, kept_fold_models
from headstart.planning.fitting import backbone_of, candidate_of, cross_validated_plan
from headstart.planning.improving import adjust as adjusting
from headstart.planning.improving import distilling
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.improving.fit_evidence import FitEvidence, gathered
from headstart.planning.improving.search import check_budget, check_folds
from headstart.planning.plan import Plan
from headstart.runs.origin import check_classes, unchanged_task_of
from headstart.runs.run import Run
from headstart.runs.workspace import Workspace
from headstart.tracking.session import trackers_named
from headstart.workflows.arguments import AnyRun
from headstart.workflows.fit import fit_task
from headstart.workflows.track import tracked_run


class ValidationTime(Record):
    """Seconds that cross-validating the plan of a run took; about 0 where its folds had been fitted before."""

    seconds: float


@checked
@noting_drops()
def adjust(
    run: AnyRun,
    *,
    minutes: float | None = None,
    distill: bool = False,
    margin: float | None = None,
    out: AnyPath | None = None,
    track: Texts = (),
) -> tuple[Run, Adjustment]:
    """The run with one changed plan, if a paired test on held-out rows says that the change is better; else the run itself.

    Fitted folds stay with the run that is adjusted: called again, or with more minutes, nothing is fitted twice.

    The run may be one whose training broke down; its data must still be there. Without minutes one change is tried; with them,
    further ones until cross-validation has taken so long, that of the run's own plan included, or nothing is proposed. With
    `distill` one network takes the place of an ensemble where it may lose no more accuracy than `margin`, a share, 0.02 unless
    given; see `headstart.planning.improving.distilling`. The run to use from now on comes back with what was tried.
    """
    trackers = trackers_named(track)
    run = Run.load(run, broken=True)
    check_budget(minutes)
    allowed = _checked_margin(run.plan, minutes, distill, margin)
    check_classes(run, "adjust")
    if out is not None:
        Workspace(Path(out)).claim_adjustment(run.folder, minutes, allowed)
    task = unchanged_task_of(run)
    check_folds(task)
    check_contamination(task, run.plan.networks)
    parent = Workspace(run.folder)
    parent.sweep()
    steps = parent.sharing_steps
    before = kept_fold_models(steps)
    adjustment = _tried(run, task, steps, minutes, allowed)
    if not adjustment.accepted:
        drop_fold_models(steps, before)
        return run, adjustment
    workspace = Workspace.named(out, run.folder, adjustment.plan.to_dict())
    workspace.write(adjustment)
    taken_over = Steps(workspace.steps.folder, steps.folder)  # the folds, and their models, are not fitted again
    cross_validated_plan(task, adjustment.plan, taken_over)
    with tracked_run(trackers, workspace.folder):
        better = fit_task(task, adjustment.plan, workspace.folder)
    drop_fold_models(steps, before)
    drop_fold_models(workspace.steps)
    return better, adjustment


def _checked_margin(plan: Plan, minutes: float | None, distill: bool, margin: float | None) -> float | None:
    """What one network may lose against the plan's ensemble; None where nothing is to be distilled."""
    if not distill:
        if margin is not None:
            raise PlanError("--margin is what one network may lose against an ensemble. Give --distill with it, or leave it out.")
        return None
    if minutes is not None:
        raise PlanError("--distill tries a few networks once and takes no --minutes. Give one of the two.")
    allowed = distilling.MARGIN if margin is None else margin
    distilling.check_distillable(plan, allowed)
    return allowed


def _tried(run: Run, task: Task, steps: Steps, minutes: float | None, allowed: float | None) -> Adjustment:
    """What was tried on a run: changes of its plan, or single networks where a loss is allowed."""
    _announce(run, task, steps)
    with stage("cross-validating the run"):
        spent = _seconds_of_folds(run, task, steps)
        evidence = _evidence_of(run, task, steps)
    parent, earlier = str(run.folder), run.adjustment.num_tested if run.adjustment else 0
    if allowed is not None:
        return distilling.distill(evidence, steps, allowed, parent=parent, earlier=earlier)
    made = adjusting.adjust(evidence, steps, minutes=minutes, parent=parent, earlier=earlier, spent_seconds=spent)
    if not made.accepted and evidence.model is None:
        raise TrainingError(f"{run.failure} {made.sentence}")
    return made


def _announce(run: Run, task: Task, steps: Steps) -> None:
    """Say what cross-validating the run will take, before it begins."""
    try:
        seconds = seconds_of_cross_validation(candidate_of(run.plan), task, backbone_of(run.plan), steps)
    except TrainingError:  # the folds will say so
        return
    if seconds >= 1:
        note(f"The run is cross-validated first: about {seconds:.0f} s.")


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
