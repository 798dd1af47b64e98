"""Cluster: images that look alike to the model's network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.seeds import seed_for
from headstart.evaluation.slices.base import NamedAttribute, SliceInputs

IMAGES_A_CLUSTER = 40
"""Images for each cluster: the accuracy on 40 has an interval of 25 points. Chosen, not measured."""
MOST_CLUSTERS = 15
"""Chosen, not measured: so many that each can be looked at."""
WIDTH = 32
"""Principal components that clusters are made of: distances in more tell little, and k-means takes longer."""


class Cluster(NamedAttribute):
    """The k-means cluster of the features, centered, of length one, in their first principal components.

    Labels and predictions are not read. Clusters have no names but numbers; the pictures of a slice show what it is.
    """

    title: ClassVar[str] = "Cluster of features"

    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        if inputs.features is None:
            return None
        num_clusters = min(MOST_CLUSTERS, len(inputs.features) // IMAGES_A_CLUSTER)
        if num_clusters < 2:
            return None
        from sklearn.cluster import KMeans  # noqa: PLC0415  takes half a second
        from sklearn.decomposition import PCA  # noqa: PLC0415

        rows = unit_rows(inputs.features - inputs.features.mean(axis=0))
        seed = seed_for(0, "clusters") % 2**32
        short = PCA(min(WIDTH, *rows.shape), random_state=seed).fit_transform(rows)
        found = KMeans(num_clusters, n_init=3, random_state=seed).fit_predict(short)
        return [str(one + 1) for one in np.asarray(found).tolist()]

    def phrase(self, name: str) -> str:
        return f"images of feature cluster {name}"
