"""Neighborhood: whether nearest neighbors among the target rows get the same class."""

from __future__ import annotations

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding
from headstart.heads.neighbor_graph import nearest

NUM_NEIGHBORS = 10
"""Nearest neighbors of each row that are compared. Chosen, not measured."""
MOST_ROWS = 2_000
"""Evenly spaced rows that are compared; the cosines of all their pairs are computed."""


@deciding(tolerance=0.01)
def neighborhood(inputs: ValidatorInputs) -> float | None:
    """Share of a row's nearest neighbors with the same predicted class, corrected for chance.

    At most 1, and 0 where classes do not depend on the features, so that one class for all rows scores 0 and not best. None with
    fewer than three rows. A boundary through a dense region separates neighbors and lowers the value.

    Limits: it depends on where the boundaries run, not on the names of the classes between them.

    Reference: the cluster assumption of Chapelle & Zien, "Semi-Supervised Classification by Low Density Separation", AISTATS
        2005; agreement of neighbors corrected for chance as in Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    num = len(inputs.target_probs)
    if num < 3:
        return None
    rows = evenly_spaced(num, MOST_ROWS)
    features = np.asarray(inputs.target_features[rows], np.float64)
    directions = unit_rows(features - features.mean(axis=0))
    index = nearest(directions, directions, NUM_NEIGHBORS, same=True).index
    predicted = inputs.predicted[rows]
    observed = float((predicted[index] == predicted[:, None]).mean())
    counts = np.bincount(predicted)
    expected = float((counts * (counts - 1)).sum() / (len(rows) * (len(rows) - 1)))
    return (observed - expected) / (1.0 - expected) if expected < 1.0 else 0.0
