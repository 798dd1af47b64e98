"""Labeled images that judged a run, by which what is made of the run later can be judged, too."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.data.additions import read_addition
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate, with_test_as_train
from headstart.planning.fitting import learns_test
from headstart.runs.origin import task_of
from headstart.runs.run import Run


class Judged(NamedTuple):
    """Images that judged a run.

    Attributes:
        images: Sealed where it is a test.
        learned: Whether the run's model has learned them since. What judges it was then predicted before, by a fit without them,
            and is among the run's predictions; such a fit is one for all of these images.
    """

    images: ImageSet
    learned: bool


def learned_rows(task: Task, run: Run) -> ImageSet:
    """The labeled images that a run's model may have learned from, those of a test by default included."""
    return (with_test_as_train(task) if learns_test(task, run.plan) else task).labeled


def judged_of(run: Run, task: Task | None) -> list[Judged]:
    """The images that judged a run and, where it is an extension, what it extends, as far as they are at hand.

    Those of a test; without one, those that each fold holds out.
    """
    if run.extension is not None:
        return _judged_of_extension(run)
    if task is None:
        return []
    if task.test is None:
        return [Judged(task.labeled.take(fold.held_out), True) for fold in task.folds]
    if not learns_test(task, run.plan):
        return [Judged(task.test, False)]
    rows = with_test_as_train(task).train
    return [Judged(rows.take(np.arange(len(task.train), len(rows))), True)]


def _judged_of_extension(run: Run) -> list[Judged]:
    extension = run.extension
    if extension is None or not Run(Path(extension.parent)).finished:
        return []
    earlier = Run(Path(extension.parent))
    task = task_of(earlier)
    before = judged_of(earlier, task)
    try:
        known = known_to(earlier, task, before)
        addition = read_addition(extension.place, earlier.model.classes, run.plan.seed, known)
    except DataError:
        return before
    return [*before, Judged(addition.held_out, False)] if addition.fingerprint == extension.fingerprint else before


def known_to(run: Run, task: Task | None, judged: list[Judged]) -> set[str]:
    """Content keys of the images that a run has learned from or is judged by, as far as they were kept or are at hand."""
    image_sets = [one.images for one in judged] + ([task.labeled] if task else [])
    return set(run.known).union(*(images.content_keys for images in image_sets))


def with_predictions(run: Run, judged: list[Judged]) -> list[tuple[Judged, Predictions]]:
    """The images that a run predicted without having learned them, with what it predicted; sets without such are left out."""
    predicted = run.predictions
    places = {} if predicted is None else {name: row for row, name in enumerate(predicted.names)}
    found = []
    for one in judged:
        if not one.learned:
            found.append((one, evaluate(run.model, one.images)[1]))
            continue
        names = [one.images.images.name(row) for row in range(len(one.images))]
        rows = np.array([row for row, name in enumerate(names) if name in places], np.int64)
        if predicted is not None and len(rows):
            shared = predicted.take(np.array([places[names[row]] for row in rows], np.int64))
            found.append((Judged(one.images.take(rows), True), shared))
    return found
