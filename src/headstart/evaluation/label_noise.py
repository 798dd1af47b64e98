"""Label noise: labels that held-out probabilities contradict."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers


def label_suspects(probs: Floats, labels: Integers) -> Integers:
    """Rows whose label is probably wrong, int64 [suspect], by rising probability of the label.

    A row is confidently of a class when the class's probability reaches its mean over the rows labeled with the class. A row
    whose most probable confident class is not its label is suspect.

    Args:
        probs: float [sample, class] of rows that the model was not fitted on.
        labels: int64 [sample].

    Returns:
        The rows.

    Reference: Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021, eqs. 1-2
        (thresholds and the confident joint), method 2 of section 3.2 (its off-diagonals), ranked by self-confidence.
    """
    num_classes = probs.shape[1]
    sums = np.bincount(labels, probs[np.arange(len(labels)), labels], num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    thresholds = np.divide(sums, counts, out=np.full(num_classes, np.inf), where=counts > 0)
    confident = np.where(probs >= thresholds, probs, -1.0)
    rows = np.flatnonzero((confident.max(axis=1) >= 0) & (confident.argmax(axis=1) != labels))
    return rows[np.argsort(probs[rows, labels[rows]], kind="stable")]
