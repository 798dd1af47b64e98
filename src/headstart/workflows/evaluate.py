"""Evaluate: metrics of a run, on its own test images or on other labeled ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.core.arguments import checked
from headstart.core.errors import DataError, did_you_mean
from headstart.core.evaluation import Evaluation
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.outputs import check_one_class, named_with_separator
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.scan import scan
from headstart.data.task import Task
from headstart.evaluation import protocols
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.evaluation.slice_report import with_slices
from headstart.multioutput.records import OutputEvaluation
from headstart.runs.learned_images import learned_warning
from headstart.runs.origin import check_classes
from headstart.runs.run import Run
from headstart.runs.run_folder import holds_outputs
from headstart.workflows.arguments import AnyRun, Data, folder_given
from headstart.workflows.outputs import evaluate_outputs


@checked
def evaluate(run: AnyRun, data: Data | None = None) -> Evaluation | OutputEvaluation:
    """The evaluation of a run, or that of its model on other labeled data: on their test split, or on all rows without one."""
    if holds_outputs(folder_given(run)):
        return evaluate_outputs(run, data)
    run = Run.load(run)
    check_classes(run, "evaluate")
    if data is not None:
        given = images_to_evaluate(run, data)
        evaluation, predictions = protocols.evaluate(run.model, given.images, split=given.name)
        evaluation = with_slices(evaluation, predictions, [given.images], run.model.backbone)
        return evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {given.warning}".rstrip()})
    if run.evaluation is None:
        raise DataError(
            f"{run.folder} was not evaluated: no labeled image could be held out. Name labeled images: headstart evaluate "
            f"{run.folder} DATA."
        )
    return run.evaluation


class GivenSet(NamedTuple):
    """Labeled images that a run's model is to be judged by, in its classes.

    Attributes:
        images: The images; sealed where they are a test.
        name: What they are called.
        warning: That the model has learned from some of them, in one sentence; empty where it has not.
    """

    images: ImageSet
    name: str
    warning: str


def images_to_evaluate(run: Run, data: Data) -> GivenSet:
    """The labeled images of data that were named: their test split, or all without one."""
    if isinstance(data, Task):
        images, classes = data.labeled if data.test is None else data.test, run.model.classes
        images = images.in_classes(classes, _labels(data.classes, classes, data.name))
        return GivenSet(images, data.name, _warning(run, images, in_place=bool(data.place)))
    place: Any = str(data) if isinstance(data, Path) else data
    raw = reader_for(place).read(place)
    raw = raw.as_one_class() if raw.outputs and named_with_separator(run.model.classes) else raw
    check_one_class(raw)
    in_place, place = isinstance(place, str), place if isinstance(place, str) else raw.name
    wanted = ("test",) if "test" in raw.splits else ("", "train", "validation")
    problems = scan(raw.images).problems
    rows = np.array(
        [row for row, label in enumerate(raw.labels) if label is not None and raw.splits[row] in wanted and not problems[row]],
        np.int64,
    )
    if not len(rows):
        raise DataError(f"{place} holds no readable image with a label. Evaluate on labeled images.")
    classes = run.model.classes
    labels = _labels([str(raw.labels[row]) for row in rows], classes, place)
    domains, given = (tuple(names[row] for row in rows) for names in (raw.domains, raw.groups))
    image_set = ImageSet(raw.images.take(rows), classes, labels, _groups(raw, rows), domains, given_groups=given)
    return GivenSet(image_set, raw.name, _warning(run, image_set, in_place=in_place))


def _warning(run: Run, images: ImageSet, *, in_place: bool) -> str:
    """That the model has learned from some of the images; empty where it has not."""
    if run.evaluation is None or run.evaluation.split != OUT_OF_FOLD or run.predictions is None:
        return ""
    return learned_warning(run.folder, images, run.predictions.names, in_place=in_place and bool(run.plan.data))


def _labels(names: Sequence[str], classes: tuple[str, ...], place: str) -> Integers:
    """The model's labels of those class names."""
    number = {name: index for index, name in enumerate(classes)}
    unknown = next((name for name in names if name not in number), None)
    if unknown is not None:
        near = did_you_mean(unknown, classes)
        raise DataError(f'{place} has a class "{unknown}" that the model does not know.{near} Known: {", ".join(classes)}.')
    return np.array([number[name] for name in names], np.int64)


def _groups(raw: RawDataset, rows: Integers) -> Integers:
    names = [raw.groups[row] or f"\0{row}" for row in rows]
    _, groups = np.unique(names, return_inverse=True)
    return groups.astype(np.int64)
