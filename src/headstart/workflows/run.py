"""Run: the whole chain: inspect, rank, decide, fit, evaluate, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from headstart.backbones.pretrained import AnyWeights, Names, Pretrained
from headstart.core.arguments import AnyPath, Texts, checked
from headstart.core.dropping import noting_drops
from headstart.core.errors import PlanError
from headstart.core.language import speaking
from headstart.core.progress import command_begun, note, stage
from headstart.core.stopping import StoppedError, Stopper, interruptible, stoppable
from headstart.data.task import Task
from headstart.multioutput.run import OutputRun
from headstart.multioutput.task import OutputTask
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.budget import budget_of
from headstart.planning.candidate import Candidate
from headstart.planning.deciding.stopped import decision_for_first, minutes_to_compare
from headstart.planning.first_model import first_candidate, fit_first
from headstart.planning.label_errors import without_label_errors as without_errors
from headstart.planning.plan import Plan
from headstart.planning.results import FirstModel
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.runs.run import Run
from headstart.runs.suggesting import predict_command
from headstart.runs.workspace import Workspace
from headstart.tracking.session import trackers_named
from headstart.workflows.arguments import Data, Domains, Places, many, reading_of
from headstart.workflows.cluster import on_cluster
from headstart.workflows.decide import Request, decide_in, ranked
from headstart.workflows.fit import fit_task, write_findings
from headstart.workflows.outputs import run_of_outputs
from headstart.workflows.rank import cards_named
from headstart.workflows.report import in_language
from headstart.workflows.task_given import task_or_outputs
from headstart.workflows.track import tracked_run

EMBEDDED_SET = "emoji"


@checked
def run(
    data: Data | None = None,
    *,
    source: Places = (),
    target_domain: Domains = (),
    pretrained: Names = (),
    weights: AnyWeights = "pretrained",
    minutes: float | None = None,
    method: str | None = None,
    settings: dict[str, Any] | None = None,
    only: str | None = None,
    members: int | None = None,
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    leave_domain_out: bool = False,
    without_label_errors: bool = False,
    numbers: str | None = None,
    out: AnyPath | None = None,
    track: Texts = (),
    cluster: str | None = None,
    language: str | None = None,
) -> Run | OutputRun:
    """The whole chain: inspect, rank, decide, fit, evaluate, report.

    Started again with the same request, a run that was killed goes on, and a finished one is read; with more `minutes` it goes on
    too, where something was left out. Ctrl-C once ends the trying, and what is best so far is fitted. Without data it runs on the
    embedded set. Unless a method is asked for, there soon is a first model to predict with, which the final one replaces. On a
    `cluster`, "auto" or ray://HOST:PORT, all nodes extract features and train networks; the decision and its budget are those of
    one machine. The language is that of the report and of what is said meanwhile, "en" or "zh", by default that of
    `HEADSTART_LANGUAGE`. With `leave_domain_out` everything is chosen and judged on domains, of the column `domain` or of
    the places in `source`, that were not learned from. With `without_label_errors` images to learn from whose labels look
    wrong are left out, and judge nothing. Data with several labels an image, and the `numbers` of a column, give an `OutputRun`;
    there `minutes` bound the predicted work alone. The other arguments are those of all verbs; see `headstart.workflows`.
    """
    begun, trackers = command_begun(), trackers_named(track)
    data = EMBEDDED_SET if data is None else data
    reading = reading_of(data, source, target_domain, seed, per_class, test, leave_domain_out)
    request = Request.about(
        reading, pretrained=many(pretrained), weights=str(weights), minutes=minutes, method=method, settings=settings or {},
        only=only, members=members, without_label_errors=without_label_errors,
    )  # fmt: skip
    with speaking(language):
        task = task_or_outputs(data, reading, numbers)
        if isinstance(task, OutputTask):
            return _made_of_outputs(task, request, out, {"track": track, "cluster": cluster})
        task = without_errors(task) if without_label_errors else task
        cards = cards_named(request.pretrained, task)
        request.check_for(task, cards)
        workspace = _claimed(request, task, out)
        with noting_drops(), on_cluster(cluster, task), tracked_run(trackers, workspace.folder):
            return _made(workspace, task, cards, request, begun)


def _made_of_outputs(task: OutputTask, request: Request, out: AnyPath | None, other: dict[str, Any]) -> OutputRun:
    """The run of a request for several labels or numbers; `other` are options that have no meaning for them."""
    names = ("method", "settings", "members", "without_label_errors")
    return run_of_outputs(
        task,
        pretrained=request.pretrained,
        weights=request.weights,
        minutes=request.minutes,
        only=request.only,
        out=out,
        other={name: getattr(request, name) for name in names} | other,
    )


def _made(workspace: Workspace, task: Task, cards: list[Pretrained], request: Request, begun: float) -> Run:
    """The run of a request, read where it is finished."""
    minutes = request.minutes
    workspace.drop_damaged()
    if workspace.is_evaluated:
        if not _goes_on(workspace.run, minutes):
            workspace.not_in_progress()
            return in_language(workspace.run, task)
        workspace.reopen()
    workspace.write_environment()
    with workspace.noted():
        _write_first_model(workspace, task, cards, request, begun)
        with interruptible(stopper := Stopper(None if minutes is None else begun + 60 * minutes)):
            write_findings(workspace, task)
            used, plan = _chosen(workspace, task, cards, request, stopper)
            plan = plan.model_copy(update={"without_label_errors": request.without_label_errors})
            return fit_task(used, plan, workspace.folder, anew=True)


def _claimed(request: Request, task: Task, out: str | Path | None) -> Workspace:
    """The folder of the request, whose minutes do not count: more of them go on with the same run."""
    identity = request.model_copy(update={"minutes": None})
    workspace = Workspace.named(out, Path("runs") / task.name, [identity.to_dict(), task.fingerprint])
    workspace.claim_request("request", identity, task)
    return workspace


def _goes_on(run: Run, minutes: float | None) -> bool:
    """Whether a finished run has something left to try, and this call the time for it."""
    decision, adaptation = run.decision, run.adaptation
    if adaptation is not None:
        more = minutes is not None and (adaptation.minutes is None or (adaptation.unfinished and minutes > adaptation.minutes))
        return adaptation.stopped == "interrupted" or bool(more)
    if decision is None or not decision.unfinished:
        return False
    return decision.stopped == "interrupted" or budget_of(minutes) > decision.budget_seconds


def _chosen(workspace: Workspace, task: Task, cards: list[Pretrained], request: Request, stopper: Stopper) -> tuple[Task, Plan]:
    """The task without the sources that do not help, and the plan: that of the first model where trying ended before another."""
    try:
        with stoppable(stopper):
            ranking = ranked(task, cards, request, workspace.sharing_steps)
            workspace.write(ranking)
            return decide_in(workspace, task, ranking, request, workspace.sharing_steps)
    except StoppedError as stopped:
        first, candidate = workspace.run.first, _first_candidate(task, cards, request)
        if first is None or candidate is None:
            if stopped.reason == "interrupted":
                raise KeyboardInterrupt from stopped
            minutes = minutes_to_compare(budget_of(request.minutes))
            raise PlanError(f"The time was over before anything was fitted. Give --minutes {minutes}.") from stopped
        decision, plan = decision_for_first(task, candidate, first, stopped.reason, budget_of(request.minutes))
        workspace.write(decision)
        workspace.drop(Adaptation, SourceRanking)
        names = ("sources", "target_domains", "per_class", "leave_domain_out")
        return task, plan.model_copy(update={name: getattr(request, name) for name in names})


def _first_candidate(task: Task, cards: list[Pretrained], request: Request) -> Candidate | None:
    """The first model of a request; none where a method is asked for."""
    if request.method is not None:
        return None
    return first_candidate(task, cards, request.weights, transfers=request.only != "scratch")


def _write_first_model(workspace: Workspace, task: Task, cards: list[Pretrained], request: Request, begun: float) -> None:
    """Leave a model to predict with before candidates are compared; a run that has it, or the final one, goes on with that."""
    candidate = None if workspace.run.finished else _first_candidate(task, cards, request)
    if candidate is None:
        return

    def make(_: Path) -> FirstModel:
        started = time.monotonic()
        with stage("fitting the first model"):
            model, first = fit_first(task, candidate)
            workspace.write_first_model(model)
        now = time.monotonic()
        first = first.model_copy(update={"seconds": now - begun, "spent_seconds": now - started})
        note(f"{first.sentence} Usable now: {predict_command(workspace.folder, pictures=not task.train.images.embedded)}")
        return first

    inputs = {"task": task.fingerprint, "candidate": candidate.essentials}
    if not workspace.run.has_first_model:
        workspace.steps.forget(("first",), inputs)
    workspace.write(workspace.steps.run("first", inputs, FirstModel, make))
