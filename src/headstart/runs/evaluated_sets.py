"""Labeled images that a run was evaluated on, on which what is made of the run later can be evaluated, too."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.core.types import Integers
from headstart.data.additions import read_addition
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate, with_test_as_train
from headstart.planning.fitting import learns_test
from headstart.runs.origin import task_of
from headstart.runs.run import Run


class EvaluatedSet(NamedTuple):
    """Images that a run was evaluated on.

    Attributes:
        images: Sealed where it is a test.
        rows: Which rows of `learned_rows` they are, where the run's model has learned them since; None where it has not. What the
            run predicted for them was predicted before, by one fit without any of these images.
    """

    images: ImageSet
    rows: Integers | None


def learned_rows(task: Task, run: Run) -> ImageSet:
    """The labeled images that a run's model may have learned from, those of a test by default included."""
    return (with_test_as_train(task) if learns_test(task, run.plan) else task).labeled


def evaluated_sets_of(run: Run, task: Task | None) -> list[EvaluatedSet]:
    """The sets that a run was evaluated on and, where it is an extension, what it extends, as far as they are at hand.

    That of a test; without one, those that each fold holds out.
    """
    if run.extension is not None:
        return _sets_of_extension(run)
    if task is None:
        return []
    if task.test is not None and not learns_test(task, run.plan):
        return [EvaluatedSet(task.test, None)]
    first = len(task.train)
    sets = [fold.held_out for fold in task.folds] if task.test is None else [np.arange(first, first + len(task.test))]
    learned = learned_rows(task, run)
    return [EvaluatedSet(learned.take(rows), rows) for rows in sets]


def _sets_of_extension(run: Run) -> list[EvaluatedSet]:
    extension = run.extension
    if extension is None or not Run(Path(extension.parent)).finished:
        return []
    earlier = Run(Path(extension.parent))
    task = task_of(earlier)
    before = evaluated_sets_of(earlier, task)
    try:
        known = known_to(earlier, task, before)
        addition = read_addition(extension.place, earlier.model.classes, run.plan.seed, known)
    except DataError:
        return before
    return [*before, EvaluatedSet(addition.held_out, None)] if addition.fingerprint == extension.fingerprint else before


def known_to(run: Run, task: Task | None, sets: list[EvaluatedSet]) -> set[str]:
    """Content keys of the images that a run has learned from or is evaluated on, as far as they were stored or are at hand."""
    image_sets = [one.images for one in sets] + ([task.labeled] if task else [])
    return set(run.known).union(*(images.content_keys for images in image_sets))


def with_predictions(run: Run, sets: list[EvaluatedSet]) -> list[tuple[EvaluatedSet, Predictions]]:
    """Sets of images with what the run predicted for them without having learned them; images without that are left out."""
    predicted = run.predictions
    places = {} if predicted is None else {name: row for row, name in enumerate(predicted.names)}
    found = []
    for one in sets:
        if one.rows is None:
            found.append((one, evaluate(run.model, one.images)[1]))
            continue
        names = [one.images.images.name(row) for row in range(len(one.images))]
        chosen = np.array([row for row, name in enumerate(names) if name in places], np.int64)
        if predicted is not None and len(chosen):
            same = np.array([places[names[row]] for row in chosen], np.int64)
            found.append((EvaluatedSet(one.images.take(chosen), one.rows[chosen]), predicted.take(same)))
    return found
