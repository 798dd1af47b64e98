"""Applying a finished run: labels for new files, metrics on other labeled images, what was forgotten of an earlier task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.providers.own_runs import run_of
from headstart.core.errors import DataError, HeadstartError, PlanError, did_you_mean
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions
from headstart.core.types import UNLABELED, Integers
from headstart.data.images import FileImages, ImageSet
from headstart.data.listing import Listing
from headstart.data.readers import reader_for
from headstart.data.scan import scan
from headstart.data.task import Task
from headstart.evaluation.forgetting import Forgetting, forgetting
from headstart.evaluation.protocols import evaluate
from headstart.methods.model import CANNOT_JUDGE
from headstart.planning.fitting import task_of_plan
from headstart.runs import Run

USUAL_REFUSAL = 0.05
"""Share of known images that are refused: the usual level of a test."""


def predict(run: Run, paths: Sequence[str | Path], refuse: float | None = None) -> list[dict[str, Any]]:
    """One row a file: its path with label, probability and all probabilities, or with the error that kept it from being read.

    An image that looks less familiar than all but a share `refuse` of known ones is refused: it gets no label. Each file is
    judged for itself, whatever others come with it.

    Args:
        run: A finished run.
        paths: Image files.
        refuse: Share of images of known classes that may be refused, 0 for none; None for a twentieth if the model can judge.

    Returns:
        `{"path", "label", "nearest", "probability", "probs", "familiarity", "refused"}` or `{"path", "error"}`, in the order of
        the paths. `label` is None where the image is refused; `nearest`, the likeliest class, and its probability are given all
        the same. The last two are left out where the model cannot judge familiarity.

    Raises:
        PlanError: `refuse` is no share.
        DataError: The model cannot judge familiarity, and it is to refuse.
    """
    if refuse is not None and not 0.0 <= refuse < 1.0:
        raise PlanError(f"refuse = {refuse:g} is not a share of images. Give 0 or more, and less than 1.")
    model = run.model
    if refuse and model.witness is None:
        raise DataError(f"{run.folder}: {CANNOT_JUDGE}")
    images = FileImages(tuple(Path(path) for path in paths))
    problems = scan(images).problems
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": str(path), "error": problem} for path, problem in zip(paths, problems, strict=True)]
    if len(readable):
        classes = run.model.classes
        nothing = np.full(len(readable), UNLABELED, np.int64)
        shown = ImageSet(images.take(readable), classes, nothing, np.arange(len(readable)))
        share = USUAL_REFUSAL if refuse is None else refuse
        answers = _answers(model.judged(shown), share)
        for row, answer in zip(readable.tolist(), answers, strict=True):
            rows[row] = {"path": str(paths[row]), **answer}
    return rows


def _answers(predictions: Predictions, refuse: float) -> Iterator[dict[str, Any]]:
    """What is said of each image, the nearest class included where it is refused."""
    for row, probs in enumerate(predictions.probs):
        best = int(probs.argmax())
        nearest = predictions.classes[best]
        shares = {name: float(share) for name, share in zip(predictions.classes, probs, strict=True)}
        answer = {"label": nearest, "nearest": nearest, "probability": float(probs[best]), "probs": shares}
        if predictions.familiarity is not None:
            familiarity = float(predictions.familiarity[row])
            refused = familiarity <= refuse
            answer |= {"label": None if refused else nearest, "familiarity": familiarity, "refused": refused}
        yield answer


def task_of(run: Run) -> Task | None:
    """The task that a run was fitted on; None where its data are gone or have changed since."""
    try:
        task = task_of_plan(run.plan)
    except HeadstartError:
        return None
    return task if task.fingerprint == run.task_summary.task_fingerprint else None


def check_classes(run: Run, wish: str) -> None:
    """Refuse a run that was pretrained without classes.

    Args:
        run: A run that was finished or broke down.
        wish: What was to be done with it, as a verb.

    Raises:
        PlanError: It knows no classes.
    """
    classes = run.task_summary.classes if run.failure else run.model.classes
    if not classes:
        raise PlanError(
            f"{run.folder} was pretrained without classes, so there is nothing to {wish}. "
            f"Transfer from it: headstart fit DATA --method ridge --pretrained run:{run.folder}."
        )


def forgotten_by(run: Run) -> Forgetting | None:
    """What a run's training cost on the task of the run that it started from, by that one's head on its test images.

    Args:
        run: A finished run.

    Returns:
        Accuracy before and after; None where it started from no run with classes or from one of two networks, left that one's
        network as it was, or the test images are gone.
    """
    folder = run_of(run.plan.pretrained)
    if folder is None or run.plan.weights != "pretrained" or not (folder / "model" / "model.json").exists():
        return None
    earlier = Run(folder)
    source, after = replace(earlier.model, partners=()), run.model.backbone
    if not source.classes or source.base is not None or source.backbone.weights_hash == after.weights_hash:
        return None
    task = task_of(earlier)
    if task is None or task.test is None:
        return None
    return forgetting(source, replace(source, backbone=after), task.name, task.test)


def evaluate_on(run: Run, place: str) -> Evaluation:
    """How good a run's model is on other labeled images.

    Args:
        run: A finished run.
        place: A path or a built-in name; where it has a test split, that split alone is used, else every labeled row.

    Returns:
        The evaluation.

    Raises:
        DataError: The place cannot be used, has no labels, or names a class that the model does not know.
        PlanError: The run was pretrained without classes.
    """
    check_classes(run, "evaluate")
    listing = reader_for(place).read(place)
    wanted = ("test",) if "test" in listing.splits else ("", "train", "validation")
    problems = scan(listing.images).problems
    rows = np.array(
        [
            row
            for row, label in enumerate(listing.labels)
            if label is not None and listing.splits[row] in wanted and not problems[row]
        ],
        np.int64,
    )
    if not len(rows):
        raise DataError(f"{place} holds no readable image with a label. Evaluate on labeled images.")
    classes = run.model.classes
    image_set = ImageSet(listing.images.take(rows), classes, _labels(listing, rows, classes, place), _groups(listing, rows))
    evaluation, _ = evaluate(run.model, image_set, split=listing.name)
    return evaluation


def _labels(listing: Listing, rows: Integers, classes: tuple[str, ...], place: str) -> Integers:
    number = {name: index for index, name in enumerate(classes)}
    names = [str(listing.labels[row]) for row in rows]
    unknown = next((name for name in names if name not in number), None)
    if unknown is not None:
        near = did_you_mean(unknown, classes)
        raise DataError(f'{place} has a class "{unknown}" that the model does not know.{near} Known: {", ".join(classes)}.')
    return np.array([number[name] for name in names], np.int64)


def _groups(listing: Listing, rows: Integers) -> Integers:
    names = [listing.groups[row] or f"\0{row}" for row in rows]
    _, groups = np.unique(names, return_inverse=True)
    return groups.astype(np.int64)
