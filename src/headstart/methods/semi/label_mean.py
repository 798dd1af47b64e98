"""LabelMean: mean of ridge and of labels spread along a neighbor graph."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from headstart.core.types import UNLABELED, Floats, Integers
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import neighbor_graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import SemiSupervisedProbe
from headstart.methods.graph_head import GraphHead
from headstart.methods.heads import LinearHead, MeanHead, mean_scores, ridge_head


@final
class LabelMean(SemiSupervisedProbe):
    """Averages the probabilities of a ridge head on the labeled rows and of labels spread along a neighbor graph.

    The two err on different pictures: ridge uses what separates the classes, the graph uses which pictures are similar.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind.
    Helps: with one to five labels a class.
    Hurts: where like pictures are of different classes, as solar cells: 5 points with five labels a class.

    Reference: Zhou et al., "Learning with local and global consistency", NeurIPS 2003.
    Differs: the mean with ridge is not in the paper; graph and new rows are those of label_spreading.

    Attributes:
        blocks: What both see.
        num_neighbors: Joins that each row of the graph makes; 5 gain a point over 10.
        strength: How much neighbors count against a row's own label.
    """

    tried_by_run: ClassVar[bool] = True

    num_neighbors: Annotated[int, Field(ge=1, le=100)] = 5
    strength: Annotated[float, Field(gt=0, lt=1)] = 0.9

    def head_of(self, pool: UnlabeledPool) -> tuple[MeanHead, float]:
        graph = neighbor_graph(pool.directions, self.num_neighbors)

        def propagated(labels: Integers) -> Floats:
            return label_spreading(graph, labels, pool.num_classes, self.strength)

        def scores_of(labels: Integers, rows: Integers) -> Floats:
            linear, temperature = self._ridge(pool, labels)
            graph_scores = graph.neighbors.take(rows).class_scores(propagated(labels))
            return mean_scores([linear.scores(pool.features.take(rows)), graph_scores], (temperature, 1.0))

        linear, temperature = self._ridge(pool, pool.labels)
        asking = GraphHead.of(pool, propagated(pool.labels), self.num_neighbors)
        return MeanHead((linear, asking), (temperature, 1.0)), pool.temperature(scores_of)

    def _ridge(self, pool: UnlabeledPool, labels: Integers) -> tuple[LinearHead, float]:
        rows = np.flatnonzero(labels != UNLABELED)
        return ridge_head(pool.features.take(rows), labels[rows], pool.num_classes, self.blocks, pool.groups[rows])
