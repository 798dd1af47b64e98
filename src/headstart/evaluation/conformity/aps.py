"""APS: adaptive prediction sets."""

from __future__ import annotations

from headstart.core.catalog import marked
from headstart.core.types import Floats
from headstart.evaluation.conformity._ranked import cumulated


@marked(never_empty=True)
def aps(probs: Floats) -> Floats:
    """The probability of all classes that are more probable than each one, and a random part of its own.

    Sets are larger than those of LAC, above all with many classes, and cover hard images more nearly as often as easy ones. They
    always hold the most probable class.

    Args:
        probs: Probabilities [sample, class].

    Returns:
        Scores in [0, 1], float64 [sample, class].

    Reference: Romano, Sesia & Candes, "Classification with Valid and Adaptive Coverage", NeurIPS 2020, eqs. 5-8; Angelopoulos,
        Bates, Jordan & Malik, "Uncertainty Sets for Image Classifiers using Conformal Prediction", ICLR 2021, section 2.
    Differs: the random part is a hash of the probabilities, so that an image always has the same set.
    """
    return cumulated(probs)[0]
