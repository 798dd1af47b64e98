"""GBC: the overlap of Gaussians fitted to the classes."""

from __future__ import annotations

import numpy as np

from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import class_means, compact

DIMENSIONS = 64
"""Principal components that the Gaussians are fitted in, as in the paper."""


def gbc(labeled: LabeledFeatures) -> float | None:
    """Minus the Bhattacharyya coefficients of all ordered pairs of classes, each class a spherical Gaussian.

    Needs five rows a class or more; published for choosing a target rather than a model.

    A value between -C (C - 1), complete overlap, and 0; None with one class only or a class of fewer than two rows.

    Reference: Pandy et al., "Transferability estimation using Bhattacharyya class separability", CVPR 2022, eqs. 2-4.
    Differs: variances are floored at a millionth of the total, so that a class of equal rows has a distance.
    """
    labels = compact(labeled.labels)
    counts = np.bincount(labels)
    if len(counts) == 1 or counts.min() < 2:
        return None
    left, values = labeled.space
    rows = (left * np.sqrt(values))[:, -DIMENSIONS:]
    if not rows.shape[1]:
        return float(-len(counts) * (len(counts) - 1))
    means = class_means(rows, labels, len(counts))
    squares = np.bincount(labels, ((rows - means[labels]) ** 2).mean(axis=1)) / counts
    variances = np.maximum(squares, 1e-6 * (rows**2).mean())
    pooled = (variances[:, None] + variances[None]) / 2
    gaps = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    distances = gaps / pooled / 8 + rows.shape[1] / 2 * np.log(pooled / np.sqrt(np.outer(variances, variances)))
    return float(-np.exp(-distances[~np.eye(len(counts), dtype=bool)]).sum())
