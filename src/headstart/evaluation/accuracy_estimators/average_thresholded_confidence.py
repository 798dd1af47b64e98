"""Average thresholded confidence: the share of rows above the confidence that as many held-out rows exceed as are right."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from headstart.core.types import Floats, Integers


def average_thresholded_confidence(held_out_probs: Floats, held_out_labels: Integers, probs: Floats) -> float:
    """The share of new rows whose negative entropy is above a threshold that on held-out rows leaves as many above as are right.

    Reference: Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, "Leveraging Unlabeled Data to Predict Out-of-Distribution
        Performance", ICLR 2022, eqs. 1-2, with the negative entropy as score.
    """
    accuracy = (held_out_probs.argmax(axis=1) == held_out_labels).mean()
    threshold = np.quantile(_negative_entropy(held_out_probs), 1.0 - accuracy)
    return float((_negative_entropy(probs) >= threshold).mean())


def _negative_entropy(probs: Floats) -> Floats:
    return np.asarray(xlogy(probs, probs).sum(axis=1))
