"""H-score: how much of the features' variance the classes explain."""

from __future__ import annotations

import numpy as np

from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import class_means, compact


def h_score(labeled: LabeledFeatures) -> float | None:
    """The trace of inv(cov(features)) cov(class means): 0 for useless features, C - 1 for perfect ones.

    Uninformative with few rows: once there are as many features as rows it is C - 1 for noise, too.

    A value in [0, C - 1]; None with one class only.

    Reference: Bao et al., "An information-theoretic approach to transferability in task transfer learning", ICIP 2019, def. 2.
    Differs: the pseudo-inverse stands for the inverse of a singular covariance.
    """
    labels = compact(labeled.labels)
    if labels.max() == 0:
        return None
    left = labeled.space.left
    means = class_means(left, labels, int(labels.max()) + 1)
    return float((np.bincount(labels) * (means**2).sum(axis=1)).sum())
