"""Source classes: the task whose source shows some of its classes alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from headstart.data.task import Task


def only_source_classes(task: Task, names: Collection[str]) -> Task:
    """The task without the source rows of other classes; its classes and all target rows stay.

    Every method of adaptation then matches the target with these classes alone, and predicts no other one that no label shows.
    """
    if not task.source:
        return task
    chosen = np.isin(task.source.labels, [label for label, name in enumerate(task.classes) if name in names])
    return task if chosen.all() else replace(task, source=task.source.take(np.flatnonzero(chosen)))
