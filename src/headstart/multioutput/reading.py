"""From rows with several labels or numbers to a task: cleaned, copies grouped, splits made, and the test set sealed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.class_names import natural_order, quoted
from headstart.data.cleaning import LEAST_PER_CLASS, Cleaned, cleaned
from headstart.data.outputs import SEPARATOR, labels_in
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import read_numbers, reader_for
from headstart.data.split_assignment import (
    SplitAssignment,
    check_shares,
    remove_used,
    report_what_judges,
    split_assignment,
    task_of,
)
from headstart.multioutput.kinds.base import OutputKind
from headstart.multioutput.task import OutputTask, kind_named

FEWEST_IMAGES = 10
"""Labeled images that a task of outputs needs: five folds of two."""


def read_outputs(place: Any, seed: int = 0, *, numbers: str = "", test: float | None = None) -> OutputTask:
    """The task of a place with several labels an image, or with numbers.

    Args:
        place: As of `headstart.read_task`.
        seed: Decides the split where none is given, and the folds.
        numbers: The heading of the numbers to predict; empty for what the data themselves say.
        test: Share of the labeled images to set aside; as of `headstart.read_task`.

    Returns:
        The task.

    Raises:
        DataError: The place has one class an image, or its targets cannot be learned.
        PlanError: `test` is no share or has no effect.
    """
    raw = read_numbers(place, numbers) if numbers else reader_for(place).read(place)
    if not raw.outputs:
        raise DataError(
            f'{raw.name} holds one class an image. Several labels have ";" between them; numbers to predict are in a column '
            "target, or in the one that --numbers names."
        )
    return outputs_of(raw, place if isinstance(place, str) else "", seed, numbers=numbers, test=test)


def outputs_of(raw: RawDataset, place: str, seed: int = 0, *, numbers: str = "", test: float | None = None) -> OutputTask:
    """The task of rows as they were found; arguments as of `read_outputs`, the place empty for rows in memory."""
    check_shares(test, None, pool=False)
    kind, named = kind_named(raw.outputs), place or raw.name
    rows = cleaned(replace(raw.in_name_order(), outputs=""))
    learned = np.flatnonzero(rows.in_split("", "train", "validation") & rows.labeled)
    if len(learned) < FEWEST_IMAGES:
        raise DataError(
            f"{named}: {len(learned)} readable images have {kind.noun} to learn from, and {FEWEST_IMAGES} are needed. Label more."
        )
    if raw.outputs == "several_labels":
        _leave_out_rare(rows, named)
    names = kind.outputs_in([str(rows.raw.labels[row]) for row in learned])
    labeled = np.flatnonzero(rows.labeled & rows.usable)
    targets = np.full((len(rows.usable), len(names)), np.nan)
    targets[labeled] = kind.targets([str(rows.raw.labels[row]) for row in labeled], names)
    problem = kind.problem_of(targets[learned], names)
    if problem:
        raise DataError(f"{named}: {problem}, so that there is nothing to learn. Give images that differ.")
    strata, classes = _strata(kind, targets, learned)
    rows.findings.extend(kind.findings(targets[learned]))
    assignment = split_assignment(rows, strata, len(classes), seed, test=test)
    strata, classes = _strata(kind, targets, np.flatnonzero(assignment.train | assignment.validation))
    remove_used(rows, assignment)
    report_what_judges(rows, assignment)
    _leave_out_unlabeled(rows, assignment)
    images = replace(task_of(rows, classes, strata, assignment, place, seed, assignment.train), test_share=test)
    order = np.concatenate([np.flatnonzero(part) for part in (assignment.train, assignment.validation)])
    return OutputTask(kind, names, images, targets[order], targets[assignment.test] if images.test else None, numbers)


def _strata(kind: OutputKind, targets: Floats, known: Integers) -> tuple[Integers, tuple[str, ...]]:
    """The stratum of each row by the targets of the `known` rows alone, -1 where it has no target, and what strata are called."""
    strata, labeled = np.full(len(targets), UNLABELED, np.int64), np.flatnonzero(~np.isnan(targets[:, 0]))
    strata[labeled] = kind.strata(targets[labeled], targets[known])
    last = int(strata[known].max())
    return np.minimum(strata, last), tuple(f"part {number}" for number in range(1, last + 2))


def _leave_out_rare(rows: Cleaned, place: str) -> None:
    """Take labels away that fewer than two images to learn from have, with a finding; the images stay."""
    learned = rows.in_split("", "train", "validation")
    cells = [() if cell is None else labels_in(cell) for cell in rows.raw.labels]
    counts = Counter(name for row, names in enumerate(cells) if learned[row] for name in names)
    rare = natural_order({name for names in cells for name in names if counts[name] < LEAST_PER_CLASS})
    if not rare:
        return
    if not any(count >= LEAST_PER_CLASS for count in counts.values()):
        raise DataError(f"{place}: no label is on {LEAST_PER_CLASS} images to learn from. Label more images.")
    kept_names = [SEPARATOR.join(name for name in names if name not in rare) or SEPARATOR for names in cells]
    labels = tuple(None if cell is None else names for cell, names in zip(rows.raw.labels, kept_names, strict=True))
    rows.raw = replace(rows.raw, labels=labels)
    title = f"Labels of fewer than {LEAST_PER_CLASS} images to learn from are not learned: {quoted(rare)}."
    advice = "Label more images with them, or take them away."
    rows.findings.append(Finding.warning("rare-labels", title, advice, labels=list(rare)))


def _leave_out_unlabeled(rows: Cleaned, assignment: SplitAssignment) -> None:
    count = int(assignment.unlabeled.sum())
    assignment.unlabeled[:] = False
    if count:
        title = f"Images without labels are not used ({count})."
        advice = "Nothing needs doing: several labels and numbers are learned from labeled images alone."
        rows.findings.append(Finding.info("unlabeled-unused", title, advice, count=count))
