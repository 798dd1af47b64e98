"""Regularized H-score: the H-score with a shrunk covariance."""

from __future__ import annotations

import numpy as np

from headstart.core.linear_algebra import shrinkage_intensity
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import class_means, compact


def regularized_h_score(labeled: LabeledFeatures) -> float | None:
    """The H-score with its covariance shrunk towards a multiple of the identity, which keeps it finite with few rows.

    Unreliable alone: it has ranked untrained networks first.

    A value in [0, C - 1]; None with one class only.

    Reference: Ibrahim et al., "Newer is not always better: rethinking transferability metrics", ECML-PKDD 2022, eq. 8.
    Differs: computed in the space of the rows, where the covariance is diagonal.
    """
    labels = compact(labeled.labels)
    if labels.max() == 0:
        return None
    num, width = labeled.features.shape
    left, values = labeled.space
    if not len(values):
        return 0.0
    spectrum = values / num
    intensity = shrinkage_intensity(left * np.sqrt(values), float((spectrum**2).sum()), width)
    shrunk = (1 - intensity) * spectrum + intensity * spectrum.sum() / width
    means = class_means(left, labels, int(labels.max()) + 1)
    between = (np.bincount(labels)[:, None] * means**2).sum(axis=0) * spectrum
    return float((1 - intensity) * (between / shrunk).sum())
