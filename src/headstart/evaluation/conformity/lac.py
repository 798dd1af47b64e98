"""LAC: the least ambiguous sets."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats


def lac(probs: Floats) -> Floats:
    """One minus the probability of each class.

    No other score gives smaller sets on average, where the probabilities are right. Sets of easy images are small and those of
    hard ones too small; a set may be empty where the model is right more often than was asked for.

    Args:
        probs: Probabilities [sample, class].

    Returns:
        Scores in [0, 1], float64 [sample, class].

    Reference: Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels", JASA 2019, section 3.
    """
    return np.asarray(1.0 - probs, np.float64)
