"""LabelTransfer: source labels spread along a graph of both domains, then ridge on the target."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from headstart.core.rows import unit_rows
from headstart.heads.kernel_map import KernelMap, median_square
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import neighbor_graph
from headstart.methods._feature_adaptation import FeatureAdaptation, head_of_ridge
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import some_rows

MOST_ROWS = 5_000
"""Of each domain in the graph, whose time grows with their square."""
WIDTH = 0.1
"""Width of the Gaussian kernel map, as a multiple of the median squared distance. Chosen, not measured."""


@final
class LabelTransfer(FeatureAdaptation):
    """Spreads the source's labels along a neighbor graph of all rows, and fits ridge to the labels that reach the target.

    Needs: a labeled source and some target images without labels.
    Helps: where the domains touch, and the target's classes are connected from there.
    Hurts: where near rows of the two domains are of different classes.

    Reference: Zhou et al., "Learning with local and global consistency", NeurIPS 2003, eqs. 4-5.
    Differs: each domain is moved to mean 0 first; the graph joins nearest neighbors by the cube of their cosine, that of a
        Gaussian kernel map of narrow features.

    Attributes:
        num_neighbors: Joins that each row makes.
        strength: How much neighbors count against a row's own label.
    """

    own_means: ClassVar[bool] = True

    num_neighbors: Annotated[int, Field(ge=1, le=100)] = 10
    strength: Annotated[float, Field(gt=0, lt=1)] = 0.95

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        ours = some_rows(len(domains.source), MOST_ROWS, domains.seed, "source")
        theirs = some_rows(len(domains.target), MOST_ROWS, domains.seed, "target")
        rows = np.concatenate([side - side.mean(axis=0) for side in (domains.source[ours], domains.target[theirs])])
        if domains.width and domains.projection.representation is None:
            rows = KernelMap.of(rows, 1.0 / (WIDTH * median_square(rows, domains.seed)), domains.seed).rows(rows)
        known = np.concatenate([domains.source_labels[ours], domains.target_labels[theirs]])
        graph = neighbor_graph(unit_rows(rows), self.num_neighbors)
        probs = label_spreading(graph, known, domains.num_classes, self.strength)
        return head_of_ridge(domains, domains.target_ridge(probs[len(ours) :], theirs))
