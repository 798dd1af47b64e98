"""Decide: which sources are used, transfer or not, from what and how; or how to adapt where the labels cannot decide."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import SerializerFunctionWrapHandler, model_serializer

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Names, Pretrained
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import DataError, PlanError
from headstart.core.findings import Finding
from headstart.core.progress import stage
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.core.stopping import unstoppable
from headstart.data.sources.task_with_sources import only_sources, with_source_as_train
from headstart.data.task import Task
from headstart.methods import METHODS, method_from
from headstart.methods.base import check_needs, settings_of
from headstart.novelty.open_set import open_set_finding
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.adapting.class_presence import ClassPresence, classes_of_target
from headstart.planning.deciding import decide as deciding
from headstart.planning.deciding.chosen import is_sound
from headstart.planning.deciding.closed_forms import FEW_LABELS
from headstart.planning.deciding.options import Options
from headstart.planning.plan import LATER_OPTIONS, Partner, Plan, Rejected
from headstart.planning.ranking.rank import check_candidates, rank
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Decision
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.planning.sources.source_selection import select_sources_by
from headstart.runs.workspace import Workspace
from headstart.training.settings import Training
from headstart.workflows.arguments import Data, Domains, Places, Reading, many, reading_of, split_settings, task_from
from headstart.workflows.rank import cards_named, check_weights

FEWEST_LABELED = 50
"""Labeled images up to which folds cannot decide, however few the classes: an accuracy has a standard error of six points."""


NOT_CHOSEN = "model selection did not choose it"
NOTHING_RANKED = "No pretrained model was ranked: --only scratch leaves out what transfers."


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
    members: int | None = None
    seed: int = 0
    per_class: int | None = None
    test: float | None = None
    leave_domain_out: bool = False
    without_label_errors: bool = False

    @model_serializer(mode="wrap")
    def _without_usual_folds(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Left out at their defaults, so that folders that were claimed before there were such options go on."""
        return {name: value for name, value in handler(self).items() if name not in LATER_OPTIONS or value}

    @classmethod
    def about(cls, reading: Reading, **options: Any) -> Self:
        """The request for data that were, or are to be, read like that; what no data could fulfil is refused."""
        request = cls(**reading._asdict(), **options)
        request._check()
        return request

    @property
    def options(self) -> Options:
        """The options of the decision."""
        return Options(self.method, *split_settings(self.settings), self.only, self.members)  # type: ignore[arg-type]

    def _check(self) -> None:
        """Refuse what no data could fulfil."""
        for name in self.pretrained:
            card_of(name)
        if self.only not in (None, "transfer", "scratch"):
            raise PlanError(f'--only "{self.only}" is not a side. Choose transfer or scratch, or leave it out to try both.')
        check_weights(self.weights, self.pretrained)
        deciding.check_options(self.options, self.minutes)

    def check_for(self, task: Task, cards: list[Pretrained]) -> None:
        """Refuse what these data cannot fulfil."""
        deciding.check_options_for(task, self.options)
        if self.transfers_to(task):
            check_candidates(task, cards, self.weights)

    def transfers_to(self, task: Task) -> bool:
        """Whether pretrained models have a part in it: to transfer from, or to judge sources by."""
        return self.only != "scratch" or task.source is not None


class Decided(Record):
    """A decision and its plan."""

    decision: Decision
    plan: Plan


@checked
def decide(
    data: Data,
    ranking: Ranking | None = None,
    *,
    source: Places = (),
    target_domain: Domains = (),
    pretrained: Names = (),
    weights: str = "pretrained",
    minutes: float | None = None,
    only: str | None = None,
    members: int | None = None,
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    evidence: AnyPath | None = None,
) -> Plan:
    """The plan to fit, with the verdict, its reasons and everything rejected in it.

    Without a ranking, candidates are ranked first. `evidence` is a folder for what the plan was chosen by: the decision, the
    ranked sources, the adaptation where the labels cannot decide. The other arguments are those of all verbs; see
    `headstart.workflows`.
    """
    reading = reading_of(data, source, target_domain, seed, per_class, test)
    request = Request.about(reading, pretrained=many(pretrained), weights=weights, minutes=minutes, only=only, members=members)
    task = task_from(data, reading)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(evidence or folder))
        if ranking is None:
            cards = cards_named(request.pretrained, task)
            request.check_for(task, cards)
            ranking = ranked(task, cards, request, workspace.sharing_steps)
        return decide_in(workspace, task, ranking, request, workspace.sharing_steps)[1]


def ranked(task: Task, cards: list[Pretrained], request: Request, steps: Steps) -> Ranking:
    """The candidates, ranked on the labels of the task, or on those of its sources where it has too few.

    None is ranked where no source is to be judged by it and nothing is to be transferred.
    """
    if not request.transfers_to(task):
        return Ranking.of_nothing(NOTHING_RANKED)
    task = with_source_as_train(task)
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


def decide_in(workspace: Workspace, task: Task, ranking: Ranking, request: Request, steps: Steps) -> tuple[Task, Plan]:
    """The task without the sources that do not help, and the plan; what it was chosen by is written."""
    if task.source is None:
        return task, _decided(task, ranking, request, workspace, steps)
    sources = _ranked_sources(task, ranking, workspace, steps)
    if request.method and not sources.used and METHODS.get(request.method).reads_source():
        raise PlanError(f"{sources.sentence} {request.method} needs one: leave out --method, or name another source.")
    used = only_sources(task, sources.used)
    if asks_for_adapting(used):
        used, plan = _adapted(used, ranking, request, workspace, steps)
    else:
        weights = {one.name: one.weight for one in sources.sources if one.used}
        plan = _decided(used, ranking, request, workspace, steps, weights)
    origin = {"sources": request.sources, "target_domains": request.target_domains, "domains": sources.used}
    return used, plan.model_copy(update={**origin, "per_class": request.per_class, "test": task.test_share})


def _decided(
    task: Task,
    ranking: Ranking,
    request: Request,
    workspace: Workspace,
    steps: Steps,
    source_weights: dict[str, float] | None = None,
) -> Plan:
    """The plan that folds of the target's labels decide for; the decision is written."""
    source_weights = source_weights or {}

    def make(_: Path) -> Decided:
        decision, plan = deciding.decide(
            task, ranking, request.options, steps, minutes=request.minutes, weights=request.weights, per_class=request.per_class,
            source_weights=source_weights,
        )  # fmt: skip
        return Decided(decision=decision, plan=plan)

    inputs = {"request": request.to_dict(), "ranking": ranking.content_fingerprint(), "weights": _content(request.weights)}
    inputs["sources"] = source_weights

    def is_whole(found: Decided, _: Path) -> bool:
        return found.decision.stopped != "interrupted" and is_sound(task, found.plan, steps)

    with stage("deciding"):
        decided = steps.run("decide", inputs, Decided, make, is_whole)
    workspace.write(decided.decision)
    return decided.plan


def _ranked_sources(task: Task, ranking: Ranking, workspace: Workspace, steps: Steps) -> SourceRanking:
    """The sources, ranked by what they help; the ranking is written."""
    inputs = {"task": task.fingerprint, "ranking": ranking.content_fingerprint()}
    with stage("ranking the sources"):
        found = steps.run("sources", inputs, SourceRanking, lambda _: select_sources_by(task, ranking))
    workspace.write(found)
    shown = np.flatnonzero(task.labeled.class_counts)
    if not found.used and len(shown) < 2:
        lack = f'labels show "{task.classes[shown[0]]}" alone' if len(shown) else "has no labels either"
        raise DataError(f"{found.sentence} The target {lack}: label some of its images, or name another source.")
    return found


def asks_for_adapting(task: Task) -> bool:
    """Whether the target's labels are too few for its folds to decide, and other target images are there to adapt to."""
    few = len(task.labeled) <= max(FEWEST_LABELED, FEW_LABELS * task.num_classes)
    return task.source is not None and task.unlabeled is not None and few


def _adapted(task: Task, ranking: Ranking, request: Request, workspace: Workspace, steps: Steps) -> tuple[Task, Plan]:
    """The task without the source's classes that the target does not show, and the plan that adapts to the target.

    The adaptation is written, unless the user named the method, to which all classes are given.
    """
    options, weights, before = request.options, request.weights, workspace.run.adaptation
    _check_options(options, request.minutes)
    given = [one for one in (request.minutes, before.minutes if before else None) if one is not None]
    minutes = max(given, default=None)  # with fewer than before, what was tried counts all the same
    name, recipe = ranking.chosen[0], options.recipe(task.seed)
    pixels = input_pixels_for(card_of(name), task)
    about = {
        "data": task.place, "seed": task.seed, "pretrained": name, "weights": weights, "input_pixels": pixels,
        "training": recipe,
    }  # fmt: skip
    if options.method is not None:
        check_needs(method_from(options.chosen(options.method)), task)
        return task, Plan(**about, method=options.chosen(options.method), reasons=("The method was asked for.",))
    backbone = load_backbone(name, weights, pixels, task.seed)
    found = _adaptation(workspace, task, backbone, minutes, recipe, steps, _presence(task, backbone, steps).findings)
    methods = {one.name: settings_of(method_from(one.method)) for one in found.candidates}
    first, *others = found.chosen
    partners = [Partner(pretrained=name, weights=weights, input_pixels=pixels, method=methods[other]) for other in others]
    rejected = [
        Rejected(candidate=one.name, reason=one.rejection or NOT_CHOSEN)
        for one in found.candidates
        if one.name not in found.chosen
    ]
    return task, Plan(
        **about, method=methods[first], partners=tuple(partners), verdict=found.verdict, reasons=found.reasons,
        rejected=tuple(rejected),
    )  # fmt: skip


def _presence(task: Task, backbone: Backbone, steps: Steps) -> ClassPresence:
    """Which classes of the source the target shows."""
    inputs = {"task": task.fingerprint, "backbone": backbone.identity}
    with stage("comparing the classes of source and target"), unstoppable():
        return steps.run("presence", inputs, ClassPresence, lambda _: classes_of_target(task, backbone))


def _adaptation(
    workspace: Workspace, task: Task, backbone: Backbone, minutes: float | None, recipe: Training, steps: Steps,
    noticed: tuple[Finding, ...],
) -> Adaptation:  # fmt: skip
    """Which models predict the target; it is written, in place of the decision of a call that ended before."""
    inputs = {"task": task.fingerprint, "backbone": backbone.identity, "minutes": minutes, "training": recipe.to_dict()}

    def adaptation(_: Path) -> Adaptation:
        return adaptation_to(task, backbone, minutes=minutes, steps=steps, training=recipe)

    with stage("adapting"):
        found = steps.run("adapt", inputs, Adaptation, adaptation, lambda found, _: found.stopped != "interrupted")
        with unstoppable():
            unknown = open_set_finding(task, backbone)
    noticed = (*noticed, *([unknown] if unknown else []))
    if noticed:
        found = found.model_copy(update={"findings": (*found.findings, *noticed)})
    workspace.write(found)
    workspace.drop(Decision)
    return found


def _check_options(options: Options, minutes: float | None) -> None:
    if options.only == "scratch":
        raise PlanError("--only scratch has no labels to learn from: the target has too few of its own. Leave it out.")
    if options.training and options.method is None and minutes is None:
        field = next(iter(options.training))
        raise PlanError(
            f"--set training.{field} has no effect: without --minutes nothing but closed forms adapts to the target. "
            "Give --minutes, or leave it out."
        )
