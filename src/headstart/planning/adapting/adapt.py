"""Adapt: from a labeled source to a target, by whichever method can be trusted, and by none where none can."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.methods.model import Model
from headstart.planning.adapting.accuracy_estimate import estimated_accuracy, findings_of
from headstart.planning.adapting.adaptation import UNADAPTED, Adaptation
from headstart.planning.adapting.candidate_fitting import CandidateFitter, FittedCandidate, methods_for
from headstart.planning.adapting.domain_map import domain_map
from headstart.planning.adapting.domain_pair import DomainPair, check_adaptable, domain_pair_of, sampled_rows
from headstart.planning.adapting.label_queries import chosen_by_labels, query_rows
from headstart.planning.adapting.model_selection import ModelSelection, SelectionVerdict, mean_probs
from headstart.planning.input_size import input_pixels_for
from headstart.training.settings import Training


class Adapted(NamedTuple):
    """What came out.

    Attributes:
        model: Predicts target images.
        adaptation: How it was chosen.
    """

    model: Model
    adaptation: Adaptation


class ToLabel(Record):
    """Target images that a person should label.

    Attributes:
        names: Of the images.
        rows: Their places among the unlabeled target rows.
        guesses: What the unadapted model calls them.
        num_differing: Target rows on which candidates differ.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    guesses: tuple[str, ...]
    num_differing: int


def adapt(
    task: Task,
    backbone: Backbone | str,
    *,
    methods: Sequence[str] | None = None,
    minutes: float | None = None,
    steps: Steps | None = None,
    seed: int | None = None,
    training: Training | None = None,
) -> Adapted:
    """Adapt to the task's target without its labels, or with the few that there are.

    The unadapted model is always among the candidates, and comes back unless another passes. What kind of shift there is decides
    who may pass: nothing where the target has too few rows to tell, or passes for one domain with the source, a correction of
    class shares where those explain the target, else those for which neighborhoods, circular validation and the joint
    distribution of features and classes speak. Collapsed candidates are out. Several that pass predict together. Labeled target
    rows, if any, take the place of the vote.

    Args:
        task: With labeled source rows; target rows are `unlabeled` and, labeled, `train`. Its test rows are not touched.
        backbone: What is transferred, or its name.
        methods: Kinds that may be tried; None tries all closed forms, and others in turn where `minutes` are given.
        minutes: How long trying may take; None for no limit.
        steps: Where what was tried is kept, so that a restart does not try it again; None keeps nothing.
        seed: Of everything drawn; the task's by default.
        training: How methods by gradient are trained; as usual by default.

    Returns:
        The model and its record.

    Raises:
        DataError: The task cannot be adapted to.
        PlanError: A method is unknown or needs no source.
    """
    begun = time.perf_counter()
    with _tried(task, backbone, methods, minutes, steps, seed, training) as tried:
        found = _judged(task, tried, begun)
        settings = {one.name: one.tried.method for one in tried.candidates}
        first, *others = [tried.trier.model(settings[name], task) for name in found.chosen]
    return Adapted(replace(first, partners=tuple(others)) if others else first, found)


def adaptation_to(
    task: Task,
    backbone: Backbone | str,
    *,
    minutes: float | None = None,
    steps: Steps | None = None,
    seed: int | None = None,
    training: Training | None = None,
) -> Adaptation:
    """Who would predict, without fitting it once more; arguments, and what is raised, as for `adapt`.

    Args:
        task: With labeled source rows.
        backbone: What is transferred, or its name.
        minutes: How long trying may take.
        steps: Where what was tried is kept.
        seed: Of everything drawn.
        training: How methods by gradient are trained.

    Returns:
        The record.
    """
    begun = time.perf_counter()
    with _tried(task, backbone, None, minutes, steps, seed, training) as tried:
        return _judged(task, tried, begun)


def rows_to_label(
    task: Task,
    backbone: Backbone | str,
    num: int = 20,
    *,
    methods: Sequence[str] | None = None,
    minutes: float | None = None,
    steps: Steps | None = None,
    seed: int | None = None,
) -> ToLabel:
    """The target images whose labels tell most about how to adapt; arguments as for `adapt`.

    Args:
        task: With labeled source rows and unlabeled target rows.
        backbone: What is transferred, or its name.
        num: How many images to label.
        methods: Kinds that may be tried.
        minutes: How long trying may take.
        steps: Where what was tried is kept.
        seed: Of everything drawn.

    Returns:
        The images.

    Raises:
        DataError: The task cannot be adapted to, or every target image has its label.
        PlanError: `num` is below one, or a method is unknown.
    """
    if not task.unlabeled:
        raise DataError(f"{task.name} has no target image without a label. Add a folder unlabeled/.")
    known = len(task.labeled)
    with _tried(task, backbone, methods, minutes, steps, seed) as tried:
        probs = [one.target_probs[known:] for one in tried.candidates if one.target_probs is not None]
        rows = query_rows(probs, tried.scene.target_rows[known:], num, tried.scene.task.seed)
        predicted = np.stack([one.argmax(axis=1) for one in probs])
    target = tried.scene.target.take(np.arange(known, len(tried.scene.target)))
    return ToLabel(
        names=tuple(target.images.name(int(row)) for row in rows),
        rows=tuple(sampled_rows(len(task.unlabeled))[rows].tolist()),
        guesses=tuple(task.classes[label] for label in predicted[0][rows]),
        num_differing=int((predicted != predicted[0]).any(axis=0).sum()),
    )


@dataclass(frozen=True)
class _Tried:
    """Everything that was tried on a task."""

    scene: DomainPair
    trier: CandidateFitter
    candidates: tuple[FittedCandidate, ...]


@contextmanager
def _tried(
    task: Task,
    backbone: Backbone | str,
    methods: Sequence[str] | None,
    minutes: float | None,
    steps: Steps | None,
    seed: int | None,
    training: Training | None = None,
) -> Iterator[_Tried]:
    check_adaptable(task)
    own = task.seed if seed is None else seed
    seen = _loaded(backbone, task, own) if isinstance(backbone, str) else backbone
    usable = methods_for(task, seen, methods, minutes is not None)
    scene = domain_pair_of(task, seen, own)
    with _kept(steps) as kept:
        needless = "" if len(task.labeled) else scene.shift.why_kept
        recipe = training or Training(seed=own)
        trier = CandidateFitter(scene, seen, kept, None if minutes is None else 60 * minutes, recipe, needless=needless)
        candidates = tuple(trier.candidate(method) for method in usable)
        yield _Tried(scene, trier, candidates)


@contextmanager
def _kept(steps: Steps | None) -> Iterator[Steps]:
    if steps is not None:
        yield steps
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Steps(Path(folder))


def _loaded(name: str, task: Task, seed: int) -> Backbone:
    return load_backbone(name, "pretrained", input_pixels_for(card_of(name), task), seed)


def _decided(task: Task, tried: _Tried, verdict: SelectionVerdict) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Who predicts, why, and how many labels decided."""
    num = len(task.labeled)
    if not num:
        return verdict.chosen or (UNADAPTED,), verdict.reasons, 0
    predicted = {one.name: one.target_probs[:num].argmax(axis=1) for one in tried.candidates if one.target_probs is not None}
    together = mean_probs(tried.candidates, verdict.chosen or (UNADAPTED,))[:num].argmax(axis=1)
    names, sentence = chosen_by_labels(task.labeled.labels, predicted, verdict.chosen, np.asarray(together, np.int64), UNADAPTED)
    return names or (UNADAPTED,), (*verdict.reasons, sentence), num


def _judged(task: Task, tried: _Tried, begun: float) -> Adaptation:
    """The record of what was tried since `begun`."""
    verdict = ModelSelection(tried.scene, tried.candidates).verdict()
    chosen, reasons, num_labeled = _decided(task, tried, verdict)
    scene, unadapted = tried.scene, mean_probs(tried.candidates, (UNADAPTED,))
    probs = mean_probs(tried.candidates, chosen)
    said, said_unadapted = (np.asarray(one.argmax(axis=1), np.int64) for one in (probs, unadapted))
    before = estimated_accuracy(scene.held_probs, scene.held_labels, unadapted)
    return Adaptation(
        chosen=chosen,
        shift=scene.shift,
        votes=verdict.votes,
        reasons=reasons,
        findings=tuple(findings_of(scene, before, chosen, said, said_unadapted, fits=verdict.fits)),
        accuracy=estimated_accuracy(scene.held_probs, scene.held_labels, probs),
        unadapted_accuracy=before,
        at_most_lost=float((said != said_unadapted).mean()),
        num_source=len(scene.source),
        num_target=len(scene.target),
        num_labeled=num_labeled,
        map=domain_map(scene, said),
        classes=scene.task.classes,
        seconds=time.perf_counter() - begun,
    )
