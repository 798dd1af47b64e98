"""Making more of what is there: adjust a finished run, search the settings of a plan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from headstart.applying import check_classes, task_of
from headstart.chain import fit, shared_steps
from headstart.core.errors import DataError, PlanError, TrainingError
from headstart.core.progress import stage
from headstart.core.records import Record, write_atomically
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.planning import adjust as adjusting
from headstart.planning import search as searching
from headstart.planning.adjustment import Adjustment
from headstart.planning.evidence import Evidence, gathered
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.judge import fold_inputs, judge
from headstart.planning.learned_labels import check_not_learned
from headstart.planning.plan import Plan
from headstart.planning.search import check_budget, check_folds
from headstart.planning.study import Found
from headstart.runs import Run, list_runs


class Looked(Record):
    """What it took to judge the plan of a run; nothing where its folds had been judged before."""

    seconds: float


def adjust(run: Run | str | Path, *, minutes: float | None = None, out: Path | None = None) -> tuple[Run, Adjustment]:
    """The run with one changed plan, if a paired test on held-out rows says that the change is better; else the run itself.

    What was judged stays with the run that is adjusted: called again, or with more minutes, nothing is judged twice.

    Args:
        run: A finished run, or its folder, or one whose training broke down; its data must still be there.
        minutes: Go on with further changes until judging has taken them, the run's own plan included, or nothing is proposed;
            None tries one.
        out: Folder of the new run; None for one beside the run.

    Returns:
        The run to use from now on, and what was tried.

    Raises:
        DataError: The folder holds no run that was finished or broke down, its data are gone or have changed, or no class has
            two labels.
        PlanError: The budget is not positive, the run was pretrained without classes, a network that it began with has learned
            the labels of these images, or the folder holds another run.
        TrainingError: The run's training broke down and no changed plan was better than the class shares, or the final fit
            broke down.
    """
    run = run if isinstance(run, Run) else _opened(Path(run))
    check_budget(minutes)
    check_classes(run, "adjust")
    if out is not None:
        _check_free(out, run, minutes)
    task = task_of(run)
    if task is None:
        raise DataError(f"The data of {run.folder} ({run.plan.data}) are gone or have changed since. Put them back as they were.")
    check_folds(task)
    check_not_learned(task, run.plan.networks)
    steps = Steps(run.folder / "steps", shared_steps())
    with stage("looking at the run"):
        spent = _seconds_of_judging(run, task, steps)
        evidence = _evidence_of(run, task, steps)
    earlier = run.adjustment.num_judged if run.adjustment else 0
    adjustment = adjusting.adjust(evidence, steps, minutes=minutes, parent=str(run.folder), earlier=earlier, spent_seconds=spent)
    if not adjustment.kept and evidence.model is None:
        raise TrainingError(f"{run.failure} {adjustment.sentence}")
    if not adjustment.kept:
        return run, adjustment
    plan = adjustment.plan
    folder = out or run.folder.with_name(f"{run.folder.name}-{plan.content_fingerprint()[:8]}")
    write_atomically(folder / "adjustment.json", adjustment.to_json())
    return fit(task, plan, folder), adjustment


def search(
    task: Task,
    plan: Plan,
    out: Path,
    *,
    minutes: float | None = None,
    trials: int | None = None,
    held: Sequence[str] = (),
    runs: Path = Path("runs"),
) -> Found:
    """The plan with better settings, if some were found; see `planning.search.search`.

    Args:
        task: What is to be learned.
        plan: The default.
        out: The study's folder.
        minutes: Budget; None for none.
        trials: Trials at most; None for as many as the minutes allow, and 20 without minutes.
        held: Settings that keep the plan's value, by dotted name.
        runs: Folder of earlier runs: what they chose on similar tasks is tried first.

    Returns:
        The plan to fit, with all trials.
    """
    past = [(str(run.folder), run.task_summary, run.plan) for run in list_runs(runs)]
    return searching.search(task, plan, out, minutes=minutes, trials=trials, held=held, past=past, shared=shared_steps())


def _check_free(out: Path, run: Run, minutes: float | None) -> None:
    """Refuse a place that is no folder, or one that holds anything but what a killed call with the same arguments left."""
    if out.exists() and not out.is_dir():
        raise PlanError(f"{out} is a file. Give another --out.")
    there = Run(out).adjustment
    if there is not None and (there.parent, there.minutes) == (str(run.folder), minutes):
        return
    if out.exists() and any(out.iterdir()):
        held = "another run" if (out / "plan.toml").exists() else "something else than an adjusted run"
        raise PlanError(f"{out} holds {held}. Give another --out, or delete it.")


def _opened(folder: Path) -> Run:
    """The run in a folder; one without a model, if its training broke down."""
    return Run(folder) if Run(folder).failure else Run.load(folder)


def _seconds_of_judging(run: Run, task: Task, steps: Steps) -> float:
    """What judging the run's plan took when it was first looked at: a restart decides alike."""

    def make(_: Path) -> Looked:
        begun = time.perf_counter()
        judge(task, candidate_of(run.plan), backbone_of(run.plan), task.folds, steps)
        return Looked(seconds=time.perf_counter() - begun)

    return steps.run("look", {"task": task.fingerprint, "plan": run.plan.to_dict()}, Looked, make).seconds


def _evidence_of(run: Run, task: Task, steps: Steps) -> Evidence:
    plan = run.plan
    backbone, candidate = backbone_of(plan), candidate_of(plan)
    model = None if run.failure else run.model
    judged = judge(task, candidate, backbone, task.folds, steps)
    name = steps.stem("fit", {"plan": plan.to_dict(), "task": task.fingerprint})
    if plan.hold_out:
        name = steps.stem("fold", fold_inputs(task, candidate.alone, backbone, 0))
    return gathered(task, plan, backbone, judged, model, steps.folder / name, evaluation=run.evaluation)
