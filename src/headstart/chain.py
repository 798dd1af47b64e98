"""The whole chain: inspect, rank, decide, fit, evaluate, report."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart import runs
from headstart.applying import forgotten_by
from headstart.backbones.catalog import card_of, packaged
from headstart.backbones.engines.choice import machine_fingerprint, wished_engine
from headstart.backbones.pretrained import Pretrained
from headstart.checks.inspection import inspect
from headstart.core.errors import ExportError, PlanError
from headstart.core.folders import cache_folder
from headstart.core.progress import stage
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.steps import Steps
from headstart.data.domains import with_stand_in
from headstart.data.splitting import read_task
from headstart.data.task import Task
from headstart.from_sources import adapted_plan, asks_for_adapting, judged_sources, with_used
from headstart.methods import METHODS
from headstart.planning import decide as deciding
from headstart.planning.climbing import Wishes
from headstart.planning.decision import Decision
from headstart.planning.ladder import Only
from headstart.planning.plan import Plan
from headstart.planning.rank import check_candidates, rank
from headstart.planning.ranking import Ranking
from headstart.planning.rates import with_found_rate
from headstart.report.html import write_report
from headstart.runs import Findings, Run

EMBEDDED_SET = "emoji"


class Request(Record):
    """What the user asked for; a folder holds one request."""

    place: str
    sources: tuple[str, ...] = ()
    target_domains: tuple[str, ...] = ()
    pretrained: tuple[str, ...] = ()
    weights: str = "pretrained"
    minutes: float | None = None
    method: str | None = None
    settings: dict[str, Any] = {}
    only: str | None = None
    seed: int = 0
    per_class: int | None = None


class Decided(Record):
    """A decision and its plan."""

    decision: Decision
    plan: Plan


def run(
    place: str | None = None,
    *,
    sources: Sequence[str | Path] = (),
    target_domains: Sequence[str] = (),
    pretrained: Sequence[str] = (),
    weights: str = "pretrained",
    minutes: float | None = None,
    method: str | None = None,
    settings: dict[str, Any] | None = None,
    only: Only | None = None,
    seed: int = 0,
    per_class: int | None = None,
    out: Path | None = None,
) -> Run:
    """The whole chain: inspect, rank, decide, fit, evaluate, report.

    Started again with the same request, a run that was killed goes on, and a finished one is read.

    Args:
        place: A path or a built-in name; None for the embedded set.
        sources: Places of labeled images of other domains. Whether they are used is part of the decision; the target may then
            have few labels, or none.
        target_domains: The target's names in the place's own column of domains; labeled rows of its other domains are sources.
        pretrained: Names of the cards to rank; empty for those whose weights are here.
        weights: A file of weights for the one card named, or "pretrained".
        minutes: Budget for ranking, decision and fit; None for `usual_minutes`.
        method: The only method to try for transfer; None tries the ladder.
        settings: `training.NAME` sets a field of `Training`, any other name a hyper-parameter of the method.
        only: Try one side only: "transfer" or "scratch".
        seed: Of split, folds and training.
        per_class: Labeled training rows to keep a class; None for all.
        out: The run's folder; None for `runs/NAME-FINGERPRINT`.

    Returns:
        The finished run.

    Raises:
        DataError: The data cannot be used.
        PretrainedError: A model cannot be had.
        PlanError: A setting does not exist, the folder holds another request, or no model named can be transferred from.
        MissingExtraError: The method needs a package that is not installed.
        ExportError: The folder cannot be written.
    """
    request = Request(
        place=EMBEDDED_SET if place is None else place, sources=tuple(map(str, sources)), target_domains=tuple(target_domains),
        pretrained=tuple(pretrained), weights=weights, minutes=minutes,
        method=method, settings=settings or {}, only=only, seed=seed, per_class=per_class,
    )  # fmt: skip
    cards = _cards(request)
    deciding.check_wishes(minutes, method, *_wishes(request))
    with stage("reading the data"):
        task = read_task(request.place, seed, per_class, sources=request.sources, target=request.target_domains)
    deciding.check_wishes_for(task, method, _wishes(request)[0], only)
    check_candidates(task, cards, weights)
    folder = out or Path("runs") / f"{task.name}-{fingerprint_of([request.to_dict(), task.fingerprint])[:8]}"
    _claim(folder, request, task)
    steps = Steps(folder / "steps", shared_steps())
    _inspected(task, folder)
    ranking = _ranked(with_stand_in(task), cards, request, steps)
    write_atomically(folder / "ranking.json", ranking.to_json())
    used, plan = _plan_of(task, ranking, request, folder, steps)
    return fit(used, plan, folder)


def _plan_of(task: Task, ranking: Ranking, request: Request, folder: Path, steps: Steps) -> tuple[Task, Plan]:
    """The plan, and the task with the sources that it uses."""
    if task.source is None:
        return task, _planned(task, ranking, request, folder, steps)
    judged = judged_sources(task, ranking, folder, steps)
    if request.method and not judged.used and "source" in METHODS.get(request.method).needs:
        raise PlanError(f"{judged.sentence} {request.method} needs one: leave out --method, or name another source.")
    used = with_used(task, judged)
    if asks_for_adapting(used):
        wishes = Wishes(request.method, *_wishes(request), request.only)  # type: ignore[arg-type]
        plan = adapted_plan(used, ranking, wishes, request.weights, request.minutes, folder, steps)
    else:
        plan = _planned(used, ranking, request, folder, steps, {one.name: one.weight for one in judged.sources if one.used})
    origin = {"sources": request.sources, "target_domains": request.target_domains, "domains": judged.used}
    return used, plan.model_copy(update={**origin, "per_class": request.per_class})


def _planned(
    task: Task, ranking: Ranking, request: Request, folder: Path, steps: Steps, source_weights: dict[str, float] | None = None
) -> Plan:
    """The plan that folds of the target's labels decide for; `decision.json` is written."""
    decided = _decided(task, ranking, request, steps, source_weights or {})
    write_atomically(folder / "decision.json", decided.decision.to_json())
    return decided.plan


def shared_steps() -> Path:
    """Where runs leave what others can use; another version, engine or machine would compute something else."""
    engine = wished_engine() or "auto"
    return cache_folder() / "steps" / f"{version('headstart')}-{engine}-{machine_fingerprint()}"


def _cards(request: Request) -> list[Pretrained]:
    if request.weights != "pretrained" and len(request.pretrained) != 1:
        raise PlanError(
            f"--weights {request.weights} needs exactly one --pretrained NAME: the architecture that the file is for."
        )
    if request.pretrained:
        return [card_of(name) for name in request.pretrained]
    return packaged()


def _ranked(task: Task, cards: list[Pretrained], request: Request, steps: Steps) -> Ranking:
    inputs = {"task": task.fingerprint, "cards": [card.name for card in cards], "weights": _content(request.weights)}
    with stage("ranking"):
        return steps.run("rank", inputs, Ranking, lambda _: rank(task, cards, steps=steps, weights=request.weights))


def _content(weights: str) -> str:
    """What the weights are, not where they lie: a file that was changed is another one."""
    path = Path(weights)
    if not path.is_file():
        return weights
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _wishes(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The method's settings and those of `Training`."""
    training = {key.removeprefix("training."): value for key, value in request.settings.items() if key.startswith("training.")}
    settings = {key.removeprefix("method."): value for key, value in request.settings.items() if not key.startswith("training.")}
    return settings, training


def _decided(task: Task, ranking: Ranking, request: Request, steps: Steps, source_weights: dict[str, float]) -> Decided:
    settings, training = _wishes(request)

    def make(_: Path) -> Decided:
        decision, plan = deciding.decide(
            task,
            ranking,
            minutes=request.minutes,
            method=request.method,
            settings=settings,
            training=training,
            weights=request.weights,
            only=request.only,  # type: ignore[arg-type]
            per_class=request.per_class,
            source_weights=source_weights,
            steps=steps,
        )
        return Decided(decision=decision, plan=plan)

    inputs = {"request": request.to_dict(), "ranking": ranking.to_dict(), "weights": _content(request.weights)}
    inputs["sources"] = source_weights
    with stage("deciding"):
        return steps.run("decide", inputs, Decided, make)


def decide(task: Task, ranking: Ranking, *, minutes: float | None = None, only: Only | None = None) -> Plan:
    """The plan to fit, with the verdict, its reasons and everything rejected in it; see `planning.decide.decide`."""
    _, plan = deciding.decide(task, ranking, minutes=minutes, only=only)
    return plan


def fit(task: Task, plan: Plan, out: Path | None = None, *, find_rate: bool = False) -> Run:
    """Fit a plan, evaluate it on the test set, inspect the data unless that is done, and write the report; see `runs.fit`.

    Where it starts from another run whose test images are at hand, what was forgotten of them is measured too. With `find_rate`
    the step size is the one that a test of growing ones suggests; the report draws its curve.
    """
    plan, curve = with_found_rate(task, plan) if find_rate else (plan, None)
    finished = runs.fit(task, plan, out)
    _inspected(task, finished.folder)
    if curve is not None:
        write_atomically(finished.folder / "rate_curve.json", curve.to_json())
    forgotten = forgotten_by(finished)
    if forgotten is not None:
        write_atomically(finished.folder / "forgetting.json", forgotten.to_json())
    finished = Run(finished.folder)
    finished.write_result()
    write_report(finished, finished.folder / "report.html", task)
    return finished


def _inspected(task: Task, folder: Path) -> None:
    """Write `findings.json`; the second time in a folder, what was found is read."""

    def make(_: Path) -> Findings:
        with stage("inspecting"):
            return Findings(findings=tuple(inspect(task)))

    found = Steps(folder / "steps").run("inspect", {"task": task.fingerprint}, Findings, make)
    write_atomically(folder / "findings.json", found.to_json())


def _claim(folder: Path, request: Request, task: Task) -> None:
    path = folder / "request.json"
    content = json.dumps({"request": request.to_dict(), "task": task.fingerprint}, indent=2, ensure_ascii=False)
    if path.exists() and path.read_text(encoding="utf-8") != content:
        raise PlanError(
            f"{folder} holds a run of another request or of data that changed since. Give another --out, or delete it."
        )
    if folder.exists() and not os.access(folder, os.W_OK):
        raise ExportError(f"{folder} is read-only. Choose another folder with --out.")
    write_atomically(path, content)
