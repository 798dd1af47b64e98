"""Are the unlabeled images of another kind than the labeled ones?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.core.rows import unit_rows
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.data.scan import scan
from headstart.data.task import Task
from headstart.shift.tests.nearest_neighbor import nearest_neighbor_test

MOST_LABELED = 500
MOST_UNLABELED = 1_500
"""Rows that are compared; bounds the time of the test, which takes all pairs."""


def pool_differs(task: Task) -> Finding | NotApplicable | None:
    """A finding when labeled images are each other's nearest neighbors far more often than chance explains.

    Thumbnails of gray values are compared, or the vectors themselves, at most 500 labeled and 1,500 unlabeled rows. Rows of one
    kind are reported in at most one of a hundred tasks. One label a class is often too few for it, and what differs in little
    but color is not seen.
    """
    if not task.unlabeled or not len(task.train):
        return NotApplicable(reason="there are no unlabeled images next to labeled ones")
    labeled, unlabeled = task.train.spaced(MOST_LABELED), task.unlabeled.spaced(MOST_UNLABELED)
    rows = np.concatenate([_rows(labeled), _rows(unlabeled)])
    is_labeled = np.arange(len(rows)) < len(labeled)
    groups = np.concatenate([labeled.groups, unlabeled.groups])
    test = nearest_neighbor_test(unit_rows(rows - rows.mean(axis=0)), is_labeled, groups, task.seed)
    if not test.differs:
        return None
    return Finding.warning(
        "pool-differs",
        f"The unlabeled images look unlike the labeled ones: of the nearest neighbors of labeled images, a share of "
        f"{test.share:.2f} is labeled, too, where {test.expected:.2f} would be among images of one kind.",
        "Look at some of the unlabeled images; those of another kind teach nothing, and every method that learns from them is "
        "compared with learning from the labels alone.",
        share=round(test.share, 4),
        expected=round(test.expected, 4),
        p_value=test.p_value,
        labeled=len(labeled),
        unlabeled=len(unlabeled),
    )


def _rows(images: ImageSet) -> Floats:
    """Feature vectors, or thumbnails of gray values, float32 [sample, feature]."""
    if images.images.embedded:
        return np.asarray(images.images.vectors(), np.float32)
    return scan(images.images).thumbnails.reshape(len(images), -1).astype(np.float32)
