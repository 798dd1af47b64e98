"""Is there a class of which nothing is left to learn from when its labels are held out?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.data.class_names import quoted
from headstart.data.task import Task


def class_in_one_group(task: Task) -> Finding | NotApplicable | None:
    """A finding when all labeled images of a class belong to one group, or are copies of one another.

    Classes with one label are left to `few_labels`.
    """
    if task.validation is not None:
        return NotApplicable(reason="the given validation set judges, not folds")
    labels, groups = task.train.labels, task.train.groups
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    num_groups = np.bincount(pairs[0], minlength=task.num_classes)
    found = np.flatnonzero((num_groups == 1) & (task.train.class_counts > 1))
    if not len(found):
        return None
    names = tuple(task.classes[label] for label in found)
    return Finding.warning(
        "class-in-one-group",
        f"All labeled images of these classes are of one group each ({len(names)} of {task.num_classes}): {quoted(names)}.",
        "Add images of other groups: held out, nothing of such a class is left to learn from, so that no number tells how well "
        "it is found. Out of fold its images count as wrong, or judge nothing where only one other class could be held out.",
        classes=list(names),
        images=int(np.isin(labels, found).sum()),
    )
