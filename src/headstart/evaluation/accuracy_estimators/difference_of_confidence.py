"""Difference of confidence: held-out accuracy less the fall of the mean confidence."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats, Integers


def difference_of_confidence(held_out_probs: Floats, held_out_labels: Integers, probs: Floats) -> float:
    """Accuracy on held-out rows less the fall in mean confidence from them to the new rows, within [0, 1].

    Reference: Guillory, Shankar, Ebrahimi, Darrell & Schmidt, "Predicting with Confidence on Unseen Distributions", ICCV 2021,
        section 3.2.
    Differs: the fall in accuracy is taken to equal that in confidence, where the paper fits a regression over many shifts.
    """
    accuracy = (held_out_probs.argmax(axis=1) == held_out_labels).mean()
    return float(np.clip(accuracy - held_out_probs.max(axis=1).mean() + probs.max(axis=1).mean(), 0.0, 1.0))
