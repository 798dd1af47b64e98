"""Rows for the methods on features: three classes in unequal numbers, most rows without their label."""

from __future__ import annotations

import numpy as np

from headstart.features.feature_set import FeatureSet
from headstart.heads.unlabeled_pool import UnlabeledPool

COUNTS = (29, 23, 17)
CLASSES = 4
"""The last has no rows."""


def features_made(seed: int = 0, signal: float = 3.0) -> tuple[FeatureSet, np.ndarray]:
    """Two stages and pixels, and the classes; the rows of a class come mixed with the others."""
    random = np.random.default_rng(seed)
    truth = random.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))
    stages = []
    for width in (7, 13):
        means = np.random.default_rng(width).normal(size=(len(COUNTS), width)) * signal / np.sqrt(width)
        stages.append((random.normal(size=(len(truth), width)) + means[truth] + 2).astype(np.float32))
    pixels = random.random((len(truth), 5)).astype(np.float32)
    return FeatureSet(tuple(stages), pixels, None, ("early", "late")), truth


def labels_of(truth: np.ndarray, per_class: int) -> np.ndarray:
    """The labels of the first so many rows of each class."""
    labels = np.full(len(truth), -1, np.int64)
    for label in range(len(COUNTS)):
        rows = np.flatnonzero(truth == label)[:per_class]
        labels[rows] = label
    return labels


def pool_made(per_class: int = 4, seed: int = 0, signal: float = 3.0) -> tuple[UnlabeledPool, np.ndarray]:
    """A pool, and the classes of its rows."""
    features, truth = features_made(seed, signal)
    labels = labels_of(truth, per_class)
    return UnlabeledPool.of(features, labels, np.arange(len(truth)), CLASSES, "stages", seed=0), truth
