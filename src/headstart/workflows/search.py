"""Search: better settings for a method, if there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.planning.improving import search as searching
from headstart.planning.improving.study import Found
from headstart.planning.plan import Plan
from headstart.runs.run import list_runs
from headstart.runs.workspace import shared_steps
from headstart.workflows.arguments import Data, Names
from headstart.workflows.plans import plan_and_task


def search(
    data: Data | Plan,
    plan: Plan | None = None,
    out: str | Path = "study",
    *,
    minutes: float | None = None,
    trials: int | None = None,
    method: str | None = None,
    pretrained: str | None = None,
    weights: str = "pretrained",
    settings: dict[str, Any] | None = None,
    source: Names = (),
    target_domain: Names = (),
    seed: int = 0,
    per_class: int | None = None,
    runs: str | Path = "runs",
) -> Found:
    """The plan with better settings, if some were found; see `planning.search.search`.

    Args:
        data: A task or a place; or a plan, or the path of a plan.toml, which name their own data.
        plan: The default for the task.
        out: The study's folder.
        minutes: Budget; None for none.
        trials: Trials at most; None for as many as the minutes allow, and 20 without minutes.
        method: Whose settings are searched, for a place.
        pretrained: What to transfer from, for a place.
        weights: For a place: "pretrained", "none" or a file.
        settings: Settings by dotted name that every trial has; they are not searched.
        source: Places of labeled images of other domains, for a place.
        target_domain: Domains of the place that are the target.
        seed: Of split, folds and training of a place.
        per_class: Labeled training rows to keep a class of a place; None for all.
        runs: Folder of earlier runs: what they chose on similar tasks is tried first.

    Returns:
        The plan to fit, with all trials.

    Raises:
        DataError: The data cannot be used, or no class has two labels.
        PlanError: The budget is not positive, the folder holds something else, a network has learned the labels of these images,
            or nothing could be judged.
        MissingExtraError: Optuna is not installed.
    """
    task, default = plan_and_task(
        data, plan, method=method, pretrained=pretrained, weights=weights, settings=settings, source=source,
        target_domain=target_domain, seed=seed, per_class=per_class,
    )  # fmt: skip
    past = [(str(run.folder), run.task_summary, run.plan) for run in list_runs(runs)]
    fixed = [name if "." in name else f"method.{name}" for name in settings or {}]
    return searching.search(
        task, default, Path(out), minutes=minutes, trials=trials, held=fixed, past=past, shared=shared_steps()
    )
