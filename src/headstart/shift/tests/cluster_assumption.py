"""Cluster-assumption test: do unlabeled rows form clusters that keep the labeled classes apart?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.sparse.linalg import eigsh

from headstart.core.records import Migration, Record, renamed
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.heads.neighbor_graph import Graph, neighbor_graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.shift.tests.nearest_neighbor import NeighborTest, nearest_neighbor_test

NUM_NEIGHBORS = 10
"""Chosen, not measured."""
MOST_LABELED = 1_000
MOST_UNLABELED = 4_000
"""Rows that are used, evenly spaced; time grows with their square. Chosen, not measured."""
NUM_DIRECTIONS = 64
"""Eigenvectors of the graph that stand for its kernel: 32 to 128 change the powers below by 0.2 at most."""
STRENGTH = 0.99
"""As in label_propagation; 0.9 and 0.999 find less."""
DRAWS = 999
"""The smallest p-value is then 0.001."""
LARGEST_P_VALUE = 0.1
"""Level of the test. With one label a class and EfficientNet-Lite0's features, it passed in 0.95 of 20 seeds on digits, 0.55 on
MNIST, 0.40 on clothing and 0.45 on emoji, where self-training gains 25, 20, 10 and 4 points, and in 0.15 on solar cells, where it
loses 2. At 0.05 the shares are 0.75, 0.30, 0.30, 0.30 and 0.10."""


class ClusterAssumptionTest(Record):
    """Whether labels may spread along unlabeled rows.

    Attributes:
        supported: The decision.
        reason: One sentence.
        neighbor_test: Whether labeled and unlabeled rows have one distribution.
        p_value: Of draws of as many rows at random, those whose classes lie at least as far apart in the graph; 1 where the
            distributions differ.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("kinship", "neighbor_test"),)

    supported: bool
    reason: str
    neighbor_test: NeighborTest
    p_value: float


def cluster_assumption_test(pool: UnlabeledPool) -> ClusterAssumptionTest:
    """Whether labels may spread along a pool: its rows have one distribution, and its graph keeps the classes apart.

    It needs one label a class, which no held-out comparison does. With two and more a class, hold labels out and compare
    instead: a graph that separates the classes may still predict no better than a head on the labels alone.
    """
    chosen = _evenly_spaced_rows(pool.labels)
    rows, labels = pool.directions[chosen], pool.labels[chosen]
    neighbors = nearest_neighbor_test(rows, labels != UNLABELED, pool.groups[chosen], pool.seed)
    if neighbors.differs:
        reason = (
            f"The unlabeled images are of another kind: of the nearest neighbors of labeled images, a share of "
            f"{neighbors.share:.2f} is labeled, too, where {neighbors.expected:.2f} would be among images of one kind."
        )
        return ClusterAssumptionTest(supported=False, reason=reason, neighbor_test=neighbors, p_value=1.0)
    p_value = separation_p_value(neighbor_graph(rows, NUM_NEIGHBORS), labels, pool.seed)
    supported = p_value <= LARGEST_P_VALUE
    meaning = "so labels may spread along it" if supported else "so labels would not keep to their classes in it"
    reason = (
        f"In the neighbor graph of the unlabeled images, the labeled ones of different classes lie farther apart than "
        f"{1 - p_value:.2f} of random choices of images, {meaning}."
    )
    return ClusterAssumptionTest(supported=supported, reason=reason, neighbor_test=neighbors, p_value=p_value)


def separation_p_value(graph: Graph, labels: Integers, seed: int) -> float:
    """How often rows drawn at random lie as far apart in the graph, class by class, as the labeled ones do, in (0, 1].

    A class is the sum of the kernel vectors of its rows. The statistic is its cosine to the nearest other class, averaged over
    classes. The p-value is uniform or larger where labels do not depend on the graph, and 1 with fewer than two labeled classes.

    Reference: the kernel is that of Zhou et al., "Learning with local and global consistency", NeurIPS 2003, section 2; the test
        is a permutation test (Phipson & Smyth, "Permutation p-values should never be zero", 2010).
    Differs: the kernel is cut to the graph's 64 leading eigenvectors.
    """
    known = np.flatnonzero(labels != UNLABELED)
    present, classes = np.unique(labels[known], return_inverse=True)
    if len(present) < 2:
        return 1.0
    places = _kernel_vectors(graph, seed)
    generator = generator_for(seed, "separation")
    nearness = _nearness(places[known], classes)
    drawn = np.array([_nearness(places[generator.permutation(len(labels))[: len(known)]], classes) for _ in range(DRAWS)])
    return (1 + int((drawn <= nearness).sum())) / (DRAWS + 1)


def _kernel_vectors(graph: Graph, seed: int) -> Floats:
    """Unit vectors whose products are the cosines of two rows in the kernel of label spreading, float64 [row, direction]."""
    values, vectors = _leading(graph, seed)
    scaled = vectors * np.sqrt((1.0 - STRENGTH) / (1.0 - STRENGTH * np.minimum(values, 1.0)))
    return unit_rows(scaled)


def _leading(graph: Graph, seed: int) -> tuple[Floats, Floats]:
    """The largest eigenvalues of the normalized graph and their vectors."""
    num = len(graph.degrees)
    if num <= 4 * NUM_DIRECTIONS:
        values, vectors = np.linalg.eigh(graph.normalized.toarray())
        return values[-NUM_DIRECTIONS:], vectors[:, -NUM_DIRECTIONS:]
    start = generator_for(seed, "eigenvectors").standard_normal(num)
    values, vectors = eigsh(graph.normalized, k=NUM_DIRECTIONS, which="LA", v0=start)
    return np.asarray(values), np.asarray(vectors)


def _nearness(vectors: Floats, classes: Integers) -> float:
    """The mean cosine of each class to the nearest other one; a class is the sum of its rows."""
    sums = np.zeros((int(classes.max()) + 1, vectors.shape[1]))
    np.add.at(sums, classes, vectors)
    directions = unit_rows(sums)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -1.0)
    return float(cosines.max(axis=1).mean())


def _evenly_spaced_rows(labels: Integers) -> Integers:
    """Ascending places of at most so many labeled and unlabeled rows."""
    known, free = np.flatnonzero(labels != UNLABELED), np.flatnonzero(labels == UNLABELED)
    return np.sort(
        np.concatenate([known[evenly_spaced(len(known), MOST_LABELED)], free[evenly_spaced(len(free), MOST_UNLABELED)]])
    )
