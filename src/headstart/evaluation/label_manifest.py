"""The manifest of a task whose labels are to be corrected: every image with its label, the most suspicious first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.core.csv_text import csv_text
from headstart.core.types import Integers
from headstart.data.manifest_lines import MANIFEST_COLUMNS, manifest_lines
from headstart.data.task import Task
from headstart.evaluation.label_errors import AssessedLabels

COLUMNS = (*MANIFEST_COLUMNS, "suggested", "p_value", "flagged")


def label_manifest(task: Task, rows: Integers, found: AssessedLabels, folder: Path) -> str:
    """The manifest as CSV, which can be read as data again once the column `label` is corrected.

    It lists the assessed images of `task.labeled`, `rows` int64 [assessed], by suspicion, then all others of the target. Splits
    that the program made itself are left to it, others stay. Paths are relative to the folder; what is no file keeps its name.
    """
    lines = []
    place_of = np.full(len(task.labeled), -1)
    place_of[rows] = np.arange(len(rows))
    order = [*rows[found.order].tolist(), *np.flatnonzero(place_of < 0).tolist()]
    for row, line in zip(order, manifest_lines(task.labeled, order, folder), strict=True):
        place = place_of[row]
        if place >= 0:
            line |= {"suggested": task.classes[found.suggested[place]], "p_value": f"{found.p_values[place]:.3g}"}
            line["flagged"] = "yes" if found.flagged[place] else ""
        split = "validation" if row >= len(task.train) else "train"
        lines.append(line | {"split": split if task.splits_given else ""})
    if task.test is not None:
        opened, split = task.test.opened_for_evaluation(), "test" if task.splits_given else ""
        lines += [line | {"split": split} for line in manifest_lines(opened, range(len(opened)), folder)]
    if task.unlabeled:
        lines += manifest_lines(task.unlabeled, range(len(task.unlabeled)), folder)
    return csv_text(COLUMNS, lines)
