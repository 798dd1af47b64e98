"""RAPS: regularized adaptive prediction sets."""

from __future__ import annotations

import numpy as np

from headstart.core.catalog import marked
from headstart.core.types import Floats
from headstart.evaluation.conformity._ranked import cumulated

FREE_CLASSES = 5
"""Classes of a set that cost nothing, k_reg of the paper; chosen, not measured."""
PENALTY = 0.01
"""Added for each further class, lambda of the paper; chosen, not measured."""


@marked(never_empty=True)
def raps(probs: Floats) -> Floats:
    """As APS, with a penalty for the classes after the fifth: fewer of the improbable ones are in a set.

    With up to five classes it is APS. Sets always hold the most probable class.

    Args:
        probs: Probabilities [sample, class].

    Returns:
        Scores, float64 [sample, class].

    Reference: Angelopoulos, Bates, Jordan & Malik, "Uncertainty Sets for Image Classifiers using Conformal Prediction", ICLR
        2021, eq. 4 and algorithms 2 and 3.
    Differs: k_reg and lambda are fixed in place of chosen on labels that are then lost for the calibration; the random part is a
        hash of the probabilities, so that an image always has the same set.
    """
    scores, ranks = cumulated(probs)
    return np.asarray(scores + PENALTY * np.maximum(ranks + 1 - FREE_CLASSES, 0))
