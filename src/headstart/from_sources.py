"""From sources: which of them are used for a target, and the plan where the target's own labels cannot decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.progress import stage
from headstart.core.records import write_atomically
from headstart.core.steps import Steps
from headstart.data.domains import only_sources
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import check_needs, settings_of
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.climbing import FEW_LABELS, Wishes
from headstart.planning.inputs import input_pixels_for
from headstart.planning.plan import Partner, Plan, Rejected
from headstart.planning.ranking import Ranking
from headstart.planning.source_ranking import SourceRanking
from headstart.planning.sources import judge_sources_by
from headstart.planning.strangers import strangers_in

FEWEST_LABELED = 50
"""Labeled images up to which folds cannot decide, however few the classes: an accuracy has a standard error of six points."""


def judged_sources(task: Task, ranking: Ranking, folder: Path, steps: Steps) -> SourceRanking:
    """The sources, judged; `sources.json` is written.

    Args:
        task: With a source.
        ranking: Names the network that looks at the images.
        folder: The run's.
        steps: Where finished work lies.

    Returns:
        The judgment.

    Raises:
        DataError: The target has labels of fewer than two classes and no source can be trusted, so that nothing can be learned.
    """
    inputs = {"task": task.fingerprint, "ranking": ranking.to_dict()}
    with stage("judging the sources"):
        found = steps.run("sources", inputs, SourceRanking, lambda _: judge_sources_by(task, ranking))
    write_atomically(folder / "sources.json", found.to_json())
    shown = np.flatnonzero(task.labeled.class_counts)
    if not found.used and len(shown) < 2:
        lack = f'labels show "{task.classes[shown[0]]}" alone' if len(shown) else "has no labels either"
        raise DataError(f"{found.sentence} The target {lack}: label some of its images, or name another source.")
    return found


def with_used(task: Task, sources: SourceRanking) -> Task:
    """The task with the sources that are used, without any where none is."""
    return only_sources(task, sources.used)


def asks_for_adapting(task: Task) -> bool:
    """Whether the target's labels are too few for its folds to decide, and other target images are there to adapt to."""
    few = len(task.labeled) <= max(FEWEST_LABELED, FEW_LABELS * task.num_classes)
    return task.source is not None and task.unlabeled is not None and few


def adapted_plan(
    task: Task, ranking: Ranking, wishes: Wishes, weights: str, minutes: float | None, folder: Path, steps: Steps
) -> Plan:
    """The plan that adapts to the target; `adaptation.json` is written unless one method is wished for.

    Args:
        task: With the sources that are used.
        ranking: Names the network.
        wishes: What the user asked for.
        weights: A file of weights, or "pretrained".
        minutes: How long trying may take; None for closed forms alone, which take seconds.
        folder: The run's.
        steps: Where finished work lies.

    Returns:
        The plan.

    Raises:
        PlanError: Training from scratch is wished for, or a field of a training that nothing that may be tried has.
        DataError: The task cannot be adapted to.
    """
    _check_wishes(wishes, minutes)
    name, recipe = ranking.chosen[0], wishes.recipe(task.seed)
    pixels = input_pixels_for(card_of(name), task)
    about = {
        "data": task.place, "seed": task.seed, "pretrained": name, "weights": weights, "input_pixels": pixels,
        "training": recipe,
    }  # fmt: skip
    if wishes.method is not None:
        check_needs(method_from(wishes.chosen(wishes.method)), task)
        return Plan(**about, method=wishes.chosen(wishes.method), reasons=("The method was asked for.",))
    backbone = load_backbone(name, weights, pixels, task.seed)
    inputs = {"task": task.fingerprint, "backbone": backbone.identity, "minutes": minutes, "training": recipe.to_dict()}

    def adaptation(_: Path) -> Adaptation:
        return adaptation_to(task, backbone, minutes=minutes, steps=steps, training=recipe)

    with stage("adapting"):
        found = steps.run("adapt", inputs, Adaptation, adaptation)
        strangers = strangers_in(task, backbone)
    if strangers:
        found = found.model_copy(update={"findings": (*found.findings, strangers)})
    write_atomically(folder / "adaptation.json", found.to_json())
    methods = {vote.name: settings_of(method_from(vote.method)) for vote in found.votes}
    first, *others = found.chosen
    partners = [Partner(pretrained=name, weights=weights, input_pixels=pixels, method=methods[other]) for other in others]
    rejected = [Rejected(candidate=vote.name, reason=_why(vote.refused)) for vote in found.votes if vote.name not in found.chosen]
    return Plan(**about, method=methods[first], partners=tuple(partners), reasons=found.reasons, rejected=tuple(rejected))


def _check_wishes(wishes: Wishes, minutes: float | None) -> None:
    if wishes.only == "scratch":
        raise PlanError("--only scratch has no labels to learn from: the target has too few of its own. Leave it out.")
    if wishes.training and wishes.method is None and minutes is None:
        field = next(iter(wishes.training))
        raise PlanError(
            f"--set training.{field} has no effect: without --minutes nothing but closed forms adapts to the target. "
            "Give --minutes, or leave it out."
        )


def _why(refused: str) -> str:
    return refused or "the validators did not speak for it"
