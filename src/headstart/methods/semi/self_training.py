"""SelfTraining: ridge refitted to its own and the neighbors' most confident labels of unlabeled rows."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.core.rows import linear_scores
from headstart.core.types import UNLABELED, Booleans, Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import Graph, neighbor_graph
from headstart.heads.ridge_leave_one_out import DEFAULT_TEMPERATURE, RidgeFit, fit_ridge, fit_soft_ridge
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import SemiSupervisedProbe
from headstart.methods.heads import LinearHead


@final
class SelfTraining(SemiSupervisedProbe):
    """Fits ridge to the labels, and again to the most confident predictions of ridge and a neighbor graph together.

    The graph says which pictures are alike, ridge carries this over to new ones; the result is one linear head, so that using it
    costs what ridge costs.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind.
    Helps: with one to five labels a class: 27 and 8 points over ridge on digits, 21 and 6 on MNIST, 3 and 2 on emoji.
    Hurts: where like pictures are of different classes, as it then learns its own mistakes: 4 points below ridge on solar cells.

    Reference: soft pseudo-labels averaged over two unlike learners, as in "Revisiting semi-supervised learning in the era of
        foundation models", NeurIPS 2025, arXiv 2503.09707; Lee, "Pseudo-Label", ICML 2013 workshops, for the idea.
    Differs: a ridge head on 256 principal axes of frozen features takes the place of the networks, label spreading that of the
        second one, and every refit is in closed form, its rows weighted by their confidence.

    Attributes:
        blocks: What graph and ridge see.
        num_neighbors: Joins that each row of the graph makes; 5 gain a point over 10.
        strength: How much neighbors count against a row's own label in the graph.
        share: Of the unlabeled rows, how many take part: the surest ones. 0.8 gains half a point over 0.6.
        rounds: Refits. Ten gain half a point over three (digits, MNIST, clothing, emoji and solar cells, 1 to 20 labels a class).
    """

    tried_by_run: ClassVar[bool] = True

    num_neighbors: Annotated[int, Field(ge=1, le=100)] = 5
    strength: Annotated[float, Field(gt=0, lt=1)] = 0.9
    share: Annotated[float, Field(gt=0, le=1)] = 0.8
    rounds: Annotated[int, Field(ge=1, le=50)] = 10

    def head_of(self, pool: UnlabeledPool) -> tuple[LinearHead, float]:
        graph = neighbor_graph(pool.directions, self.num_neighbors)

        def scores_of(labels: Integers, rows: Integers) -> Floats:
            fit = self._trained(pool, graph, labels)
            return linear_scores(pool.rows[rows], fit.weight, fit.bias)

        fit = self._trained(pool, graph, pool.labels)
        weight = np.asarray(pool.projection.axes @ fit.weight, np.float32)
        temperature = pool.temperature(scores_of, DEFAULT_TEMPERATURE)
        return LinearHead(pool.projection.representation, weight, fit.bias), temperature

    def _trained(self, pool: UnlabeledPool, graph: Graph, labels: Integers) -> RidgeFit:
        """The last round's ridge on the pool's rows along their axes."""
        known = labels != UNLABELED
        targets = one_hot(labels, pool.num_classes)
        propagated = label_spreading(graph, labels, pool.num_classes, self.strength)
        fit = fit_ridge(pool.rows[known], labels[known], pool.num_classes, groups=pool.groups[known])
        for _ in range(self.rounds):
            own = softmax(linear_scores(pool.rows, fit.weight, fit.bias) / fit.temperature, axis=1)
            probs = np.where(known[:, None], targets, (propagated + own) / 2)
            rows = self._surest(probs, known)
            fit = fit_soft_ridge(pool.rows[rows], probs[rows], probs[rows].max(axis=1), np.flatnonzero(known[rows]))
        return fit

    def _surest(self, probs: Floats, known: Booleans) -> Integers:
        """All labeled rows and the unlabeled ones of the highest confidence, ascending."""
        free = np.flatnonzero(~known)
        order = np.argsort(-probs[free].max(axis=1), kind="stable")
        return np.sort(np.concatenate([np.flatnonzero(known), free[order[: int(np.ceil(self.share * len(free)))]]]))
