"""Search: better settings for a method, if there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.pretrained import AnyWeights, Name
from headstart.core.arguments import AnyPath, Texts, checked
from headstart.planning.improving import search as searching
from headstart.planning.improving.study import Found
from headstart.planning.plan import Plan
from headstart.runs.finished import list_runs
from headstart.runs.workspace import shared_steps
from headstart.tracking.session import trackers_named
from headstart.workflows.arguments import Data, Domains, Places
from headstart.workflows.cluster import on_cluster
from headstart.workflows.plans import plan_and_task
from headstart.workflows.track import tracked_search


@checked
def search(
    data: Data | Plan,
    plan: Plan | AnyPath | None = None,
    out: AnyPath = "study",
    *,
    minutes: float | None = None,
    trials: int | None = None,
    at_once: int | None = None,
    method: str | None = None,
    pretrained: Name | None = None,
    weights: AnyWeights = "pretrained",
    settings: dict[str, Any] | None = None,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    runs: AnyPath = "runs",
    track: Texts = (),
    cluster: str | None = None,
) -> Found:
    """The plan with better settings, if some were found, with all trials; see `planning.improving.search`.

    As for `fit`, a plan or data with a method are given. `settings` stay fixed in every trial. There are as many trials as the
    minutes allow, and 20 without minutes. What earlier runs in the folder `runs` chose on similar tasks is tried first. On a
    `cluster`, "auto" or ray://HOST:PORT, all nodes fit the folds of `at_once` trials, by default as many as keep them busy; the
    minutes are those of all workers together. The other arguments are those of all verbs; see `headstart.workflows`.
    """
    trackers = trackers_named(track)
    task, default = plan_and_task(
        data, plan, method=method, pretrained=pretrained, weights=weights, settings=settings, source=source,
        target_domain=target_domain, seed=seed, per_class=per_class, test=test,
    )  # fmt: skip
    past = [(str(run.folder), run.task_summary, run.plan) for run in list_runs(runs)]
    fixed = [name if "." in name else f"method.{name}" for name in settings or {}]
    with on_cluster(cluster, task), tracked_search(trackers, Path(out)):
        return searching.search(
            task, default, Path(out), minutes=minutes, trials=trials, at_once=at_once, fixed=fixed, past=past,
            shared=shared_steps(),
        )  # fmt: skip
