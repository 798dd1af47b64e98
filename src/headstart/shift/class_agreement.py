"""Class agreement: whether classes of one name are alike in two domains."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import class_means


def class_agreement(source: Floats, source_labels: Integers, target: Floats, target_labels: Integers) -> float | None:
    """The share of common classes whose mean in the target lies nearest to the mean of the same class in the source.

    Rows are [source, feature] and [target, feature]. Both domains are centered on the mean of their common classes first, so that
    a shift of all classes does not count. By chance the share is one over the number of common classes; None where fewer than two
    classes are common.
    """
    common = np.intersect1d(source_labels, target_labels)
    if len(common) < 2:
        return None
    num = int(common.max()) + 1
    means = []
    for rows, labels in ((source, source_labels), (target, target_labels)):
        own = np.flatnonzero(np.isin(labels, common))
        found = class_means(rows[own], labels[own], num)[common]
        means.append(found - found.mean(axis=0))
    squares = ((means[1][:, None] - means[0][None]) ** 2).sum(axis=2)
    return float((squares.argmin(axis=1) == np.arange(len(common))).mean())
