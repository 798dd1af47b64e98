"""Nearest-neighbor two-sample test: do labeled and unlabeled rows have one distribution?"""

from __future__ import annotations

import numpy as np

from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.heads.neighbor_graph import nearest

NUM_NEIGHBORS = 10
"""Chosen, not measured."""
DRAWS = 999
"""The smallest p-value is then 0.001."""
LARGEST_P_VALUE = 0.01
"""Level of the test: rows of one distribution are called different in at most one of a hundred cases."""
LEAST_EXCESS = 0.5
"""In EfficientNet-Lite0's features, pictures of another set give 1 and pictures of the same set -0.05 to 0.02 (digits, MNIST,
clothing, emoji and solar cells, 1 to 50 labels a class). Digits of other writers give up to 0.35 as thumbnails."""


class NeighborTest(Record):
    """How much more often labeled rows are neighbors of one another than rows drawn at random are.

    Attributes:
        share: Of the nearest neighbors of labeled rows, those that are labeled, too.
        expected: The mean of that share over as many rows drawn at random.
        p_value: Of draws, those whose share is at least as large.
    """

    share: float
    expected: float
    p_value: float

    @property
    def excess(self) -> float:
        """(share - expected) / (1 - expected): near 0 for one distribution, near 1 for two that do not overlap."""
        return (self.share - self.expected) / (1.0 - self.expected) if self.expected < 1.0 else 0.0

    @property
    def differs(self) -> bool:
        """Whether the unlabeled rows have another distribution."""
        return self.p_value <= LARGEST_P_VALUE and self.excess >= LEAST_EXCESS


def nearest_neighbor_test(rows: Floats, labeled: Booleans, groups: Integers, seed: int) -> NeighborTest:
    """Tests whether the labeled rows could be a random choice among all rows.

    Labeled rows that are spread over all classes are neighbors less often than by chance; the test then errs toward one
    distribution. A few rows suffice: two labeled rows that are each other's nearest among a thousand are found. With fewer than
    two labeled rows, or no others, the p-value is 1.

    Args:
        rows: float [row, feature], unit length.
        labeled: bool [row].
        groups: int64 [row]; rows of one group do not count as each other's neighbors.
        seed: Decides the draws.

    Returns:
        The shares and the p-value.

    Reference: Schilling, "Multivariate two-sample tests based on nearest neighbors", JASA 1986, section 2.
    Differs: only neighbors of labeled rows count, no more of them than there are other labeled rows, and the null distribution is
        drawn instead of approximated.
    """
    num = int(labeled.sum())
    if num < 2 or num == len(rows):
        return NeighborTest(share=0.0, expected=0.0, p_value=1.0)
    index = nearest(rows, rows, min(NUM_NEIGHBORS, num - 1), same=True).index
    counts = groups[index] != groups[:, None]

    def share_of(chosen: Integers) -> float:
        marked = np.zeros(len(rows), bool)
        marked[chosen] = True
        valid = counts[chosen]
        return float((marked[index[chosen]] & valid).sum() / max(1, valid.sum()))

    generator = generator_for(seed, "kinship")
    share = share_of(np.flatnonzero(labeled))
    drawn = np.array([share_of(generator.permutation(len(rows))[:num]) for _ in range(DRAWS)])
    p_value = (1 + int((drawn >= share).sum())) / (DRAWS + 1)
    return NeighborTest(share=share, expected=float(drawn.mean()), p_value=p_value)
