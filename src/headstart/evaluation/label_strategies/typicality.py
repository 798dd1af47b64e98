"""Typicality: a typical image of each of the largest groups of images that has no label yet."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.evaluation.label_inputs import LabelInputs

NUM_NEIGHBORS = 20
"""Nearest images of the same cluster whose mean distance is the inverse of typicality, as in the paper."""
SMALLEST_CLUSTER = 5
"""Smaller clusters are taken last, as in the paper."""
MOST_CLUSTERS = 500
"""As in the paper; several images of a cluster are taken where more are asked for."""
NUM_AXES = 64
"""Principal components that are clustered. Chosen, not measured: k-means on all features takes minutes."""


def typicality(inputs: LabelInputs) -> Integers:
    """Rows by TypiClust: as many clusters as there are labels and rows to choose; uncovered ones first, large before small.

    Reference: Hacohen, Dekel & Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", ICML
        2022, algorithm 1.
    Differs: features of a pretrained network, their principal components, take the place of a self-supervised one's.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  takes half a second
    from sklearn.decomposition import PCA  # noqa: PLC0415

    num_free, every = len(inputs.features), np.concatenate([inputs.features, inputs.known])
    axes = min(NUM_AXES, *every.shape)
    short = every if axes == every.shape[1] else PCA(axes, random_state=inputs.seed).fit_transform(every)
    num_clusters = min(len(inputs.known) + inputs.num, MOST_CLUSTERS, len(np.unique(short, axis=0)))
    clusters = KMeans(num_clusters, n_init=1, random_state=inputs.seed).fit_predict(short)
    covered = np.bincount(clusters[num_free:], minlength=num_clusters)
    sizes = np.bincount(clusters, minlength=num_clusters)
    free = clusters[:num_free].copy()
    chosen: list[int] = []
    while len(chosen) < inputs.num:
        left = np.bincount(free[free >= 0], minlength=num_clusters)
        order = np.lexsort((-sizes, sizes < SMALLEST_CLUSTER, covered, left == 0))
        rows = np.flatnonzero(free == order[0])
        row = int(rows[np.argmax(_typical(short[rows]))])
        chosen.append(row)
        free[row] = -1
        covered[order[0]] += 1
    return np.array(chosen, np.int64)


def _typical(rows: Floats) -> Floats:
    """Minus the mean distance to the nearest others, float [row], without the matrix of all distances."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  takes half a second

    near = min(NUM_NEIGHBORS, len(rows) - 1)
    if not near:
        return np.zeros(len(rows))
    distances, _ = NearestNeighbors(n_neighbors=near).fit(rows).kneighbors()
    return np.asarray(-distances.mean(axis=1))
