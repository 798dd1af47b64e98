"""Neighborhood: whether nearest neighbors among the target rows get the same class."""

from __future__ import annotations

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding
from headstart.heads.neighbor_graph import nearest

NUM_NEIGHBORS = 10
"""Nearest neighbors of each row that are compared. Chosen, not measured."""
MOST_ROWS = 2_000
"""Evenly spaced rows that are compared; the cosines of all their pairs are computed."""


@deciding
def neighborhood(inputs: ValidatorInputs) -> float | None:
    """Share of a row's nearest neighbors with the same predicted class, corrected for chance.

    At most 1, and 0 where classes do not depend on the features, so that one class for all rows scores 0 and not best. None with
    fewer than three rows. A boundary through a dense region separates neighbors and lowers the value.

    Limits: it depends on where the boundaries run, not on the names of the classes between them.

    Reference: the cluster assumption of Chapelle & Zien, "Semi-Supervised Classification by Low Density Separation", AISTATS
        2005; agreement of neighbors corrected for chance as in Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    if len(inputs.target_probs) < 3:
        return None
    return float(neighbor_agreement(inputs.target_features, inputs.predicted).mean())


def neighbor_agreement(features: Floats, predicted: Integers) -> Floats:
    """The same of each compared row, float64 [row]; evenly spaced rows [target, feature] and classes [target] are compared."""
    rows = evenly_spaced(len(features), MOST_ROWS)
    centered = np.asarray(features[rows], np.float64)
    directions = unit_rows(centered - centered.mean(axis=0))
    num = max(1, min(NUM_NEIGHBORS, len(rows) // 4))  # of few rows, all others are no neighbors
    index = nearest(directions, directions, num, same=True).index
    classes = predicted[rows]
    observed = (classes[index] == classes[:, None]).mean(axis=1)
    counts = np.bincount(classes)
    expected = float((counts * (counts - 1)).sum() / (len(rows) * (len(rows) - 1)))
    return np.asarray((observed - expected) / (1.0 - expected)) if expected < 1.0 else np.zeros(len(rows))
