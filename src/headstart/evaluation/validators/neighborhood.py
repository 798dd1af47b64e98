"""Neighborhood: whether target rows that lie close to each other are called the same."""

from __future__ import annotations

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding
from headstart.heads.neighbor_graph import nearest

NUM_NEIGHBORS = 10
MOST_ROWS = 2_000
"""Rows that are looked at, evenly spaced: cosines of all pairs are taken."""


@deciding(tolerance=0.01)
def neighborhood(evidence: ValidatorInputs) -> float | None:
    """How much more often the nearest rows name a row's class than rows drawn at random would.

    A boundary that runs through dense regions parts neighbors. The share that chance explains is taken off, so that a model that
    calls every row the same scores 0 and not best.

    Limits: it sees where the boundaries run, not what the regions between them are called.

    Args:
        evidence: Of one candidate.

    Returns:
        At most 1, 0 where classes have nothing to do with places; None with fewer than three rows.

    Reference: the cluster assumption of Chapelle & Zien, "Semi-Supervised Classification by Low Density Separation", AISTATS
        2005; agreement of neighbors corrected for chance as in Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    num = len(evidence.target_probs)
    if num < 3:
        return None
    rows = evenly_spaced(num, MOST_ROWS)
    features = np.asarray(evidence.target_features[rows], np.float64)
    directions = unit_rows(features - features.mean(axis=0))
    index = nearest(directions, directions, NUM_NEIGHBORS, same=True).index
    predicted = evidence.predicted[rows]
    met = float((predicted[index] == predicted[:, None]).mean())
    counts = np.bincount(predicted)
    expected = float((counts * (counts - 1)).sum() / (len(rows) * (len(rows) - 1)))
    return (met - expected) / (1.0 - expected) if expected < 1.0 else 0.0
