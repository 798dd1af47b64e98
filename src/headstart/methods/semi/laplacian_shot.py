"""LaplacianShot: nearest class means, smoothed along a neighbor graph of unlabeled rows."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.core.types import UNLABELED, Floats, Integers
from headstart.heads.class_statistics import class_means, one_hot
from headstart.heads.neighbor_graph import Graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import GraphProbe

MOST_ROUNDS = 100
SETTLED = 1e-6
"""Largest change of a probability at which the rounds end."""


@final
class LaplacianShot(GraphProbe):
    """Assigns every row to the nearest class mean of the labeled rows, while neighbors in a graph are encouraged to agree.

    It assumes no class shares, so that unlabeled rows may be of any proportions. New pictures ask their nearest rows of the
    graph.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind.
    Helps: with one to five labels a class whose pictures form one cluster each.
    Hurts: with more labels, where a mean tells too little of a class.

    Reference: Ziko et al., "Laplacian regularized few-shot learning", ICML 2020, eqs. 1, 7 and 12.
    Differs: labeled rows are rows of the graph, too, and keep their labels; joins weigh the cube of the cosine instead of 1;
        means are not corrected by unlabeled rows.

    Attributes:
        blocks: What means and graph see.
        num_neighbors: Joins that each row makes; 5 gain a point over 10.
        smoothing: lambda: how much neighbors count against the class means; 3, as joins weigh about a third of the paper's.
    """

    smoothing: Annotated[float, Field(gt=0, le=100)] = 3.0

    def probs(self, pool: UnlabeledPool, graph: Graph, labels: Integers) -> Floats:
        return assigned(pool.directions, graph, labels, pool.num_classes, self.smoothing)


def assigned(rows: Floats, graph: Graph, labels: Integers, num_classes: int, smoothing: float) -> Floats:
    """Class probabilities that lower sum_i p_i . d_i - lambda / 2 sum_ij w_ij p_i . p_j - sum_i H(p_i), round by round.

    Each round minimizes an upper bound: p_i ~ exp(-d_i + lambda sum_j w_ij p_j), with d_i the squared distances to class means.

    Args:
        rows: float [row, feature], unit length.
        graph: Of the rows.
        labels: int64 [row]; `UNLABELED` where there is none.
        num_classes: C.
        smoothing: lambda.

    Returns:
        float64 [row, class]; labeled rows keep their labels, and classes without labels get nothing.
    """
    known = labels != UNLABELED
    targets = one_hot(labels, num_classes)
    means = class_means(rows[known], labels[known], num_classes)
    distances = (means**2).sum(axis=1) - 2.0 * (rows @ means.T)
    distances[:, targets.sum(axis=0) == 0] = np.inf
    probs = np.where(known[:, None], targets, softmax(-distances, axis=1))
    for _ in range(MOST_ROUNDS):
        before = probs
        probs = np.where(known[:, None], targets, softmax(smoothing * (graph.affinity @ before) - distances, axis=1))
        if np.abs(probs - before).max() < SETTLED:
            break
    return probs
