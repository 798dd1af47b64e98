"""Core-set: images that leave no other image far from a labeled one."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.evaluation.label_inputs import LabelInputs


def coreset(inputs: LabelInputs) -> Integers:
    """Rows chosen one by one, each the farthest from all that are labeled or chosen; the first is the nearest to the mean.

    Reference: Sener & Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018, algorithm 1.
    """
    features = inputs.features
    nearest = np.full(len(features), np.inf)
    for start in range(0, len(inputs.known), 1_000):
        nearest = np.minimum(nearest, _distances(features, inputs.known[start : start + 1_000]).min(axis=1))
    chosen: list[int] = []
    while len(chosen) < inputs.num:
        if np.isinf(nearest).all():
            row = int(np.argmin(_distances(features, features.mean(axis=0, keepdims=True))[:, 0]))
        else:
            row = int(np.argmax(nearest))
        chosen.append(row)
        nearest = np.minimum(nearest, _distances(features, features[row : row + 1])[:, 0])
        nearest[chosen] = -1.0
    return np.array(chosen, np.int64)


def _distances(rows: Floats, others: Floats) -> Floats:
    """Squared, float [row, other]."""
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2.0 * rows @ others.T
    return np.asarray(np.maximum(squares, 0.0))
