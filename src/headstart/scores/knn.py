"""kNN: how often a row's nearest neighbor has the row's label."""

from __future__ import annotations

import numpy as np

from headstart.core.rows import row_slices, unit_rows
from headstart.core.types import Floats
from headstart.features.feature_set import LabeledFeatures
from headstart.scores import ranking


def nearest_neighbor_hits(features: LabeledFeatures) -> Floats:
    """The share of each row's nearest other rows that have its label, float64 [sample]; 0 or 1 where there is no tie."""
    values = np.asarray(features.features, np.float64)
    unit = unit_rows(values - values.mean(axis=0))
    hits = np.empty(len(unit))
    for part in row_slices(len(unit)):
        cosines = unit[part] @ unit.T
        np.fill_diagonal(cosines[:, part], -np.inf)
        nearest = cosines >= cosines.max(axis=1, keepdims=True) - 1e-9
        same = features.labels[None] == features.labels[part, None]
        hits[part] = (nearest & same).sum(axis=1) / nearest.sum(axis=1)
    return hits


@ranking(by_row=nearest_neighbor_hits)
def knn(labeled: LabeledFeatures) -> float | None:
    """The leave-one-out accuracy of the single nearest neighbor by cosine of centered features.

    One neighbor, because five fail with five rows a class or fewer.

    A share in [0, 1]; None with fewer than two rows or one class only.

    Reference: Sorkhei et al., "k-NN as a simple and effective estimator of transferability", arXiv 2503.18528, 2025.
    Differs: features are centered before the cosine; ties between equally near rows share the vote.
    """
    if len(labeled.labels) < 2 or len(np.unique(labeled.labels)) == 1:
        return None
    return float(labeled.once(nearest_neighbor_hits).mean())
