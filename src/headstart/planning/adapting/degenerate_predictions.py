"""Collapse detectors: what rules a candidate out whatever the validators say of it."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Floats
from headstart.shift.label_shift import class_shares

LARGEST_DISTANCE = 0.2
"""Total variation between predicted and estimated class shares."""
STARVED = 0.1
"""A class that gets less than so much of its estimated share is lost."""
NOTICED = 0.02
"""Estimated share from which a lost class is missed."""
LEAST_ENTROPY = 0.5
"""Entropy of the predicted shares over that of the estimated ones."""
LEAST_AGREEMENT = 0.5
"""Of a candidate with the unadapted model, on rows of which that one is sure."""
LARGEST_FALL = 0.1
"""Of source accuracy."""


def predicted_shares(probs: Floats) -> Floats:
    """The share of each class among predictions, float64 [class]."""
    return class_shares(np.asarray(probs.argmax(axis=1), np.int64), probs.shape[1])


def share_distance(shares: Floats, others: Floats) -> float:
    """The total variation between two sets of shares, in [0, 1]."""
    return float(np.abs(shares - others).sum() / 2)


def shares_fault(shares: Floats, expected: Floats, *, exact: bool) -> str:
    """What is wrong with predicted class shares, as a sentence; empty when nothing is.

    Args:
        shares: Predicted, float [class].
        expected: Estimated for the target, float [class].
        exact: Whether the estimate can be relied on, as under a shift of labels alone; else only lost classes count.

    Returns:
        The sentence.
    """
    if shares.max() >= 1.0 and expected.max() < 1.0 - NOTICED:
        return "it collapsed: every row gets the same class"
    distance = share_distance(shares, expected)
    if exact and distance > LARGEST_DISTANCE:
        return f"its class shares are {distance:.2f} from those that explain the target, where {LARGEST_DISTANCE} is the most"
    lost = (expected >= NOTICED) & (shares < STARVED * expected)
    if exact and lost.any():
        return f"it collapsed: {int(lost.sum())} of {len(shares)} classes hardly occur in what it predicts"
    if _entropy(shares) < LEAST_ENTROPY * _entropy(expected):
        return f"it collapsed: the entropy of its class shares is {_entropy(shares):.2f} nats, where {_entropy(expected):.2f} fit"
    return ""


def agreement_fault(agreement: float | None, source_accuracy: float | None, unadapted_accuracy: float | None) -> str:
    """What is lost of what the unadapted model was sure of, as a sentence; empty when nothing is.

    Args:
        agreement: With the unadapted model on its sure rows; None where it has none.
        source_accuracy: The candidate's, None where it has none.
        unadapted_accuracy: The unadapted model's.

    Returns:
        The sentence.
    """
    if agreement is not None and agreement < LEAST_AGREEMENT:
        return f"it keeps {agreement:.0%} only of what the unadapted model is sure of"
    if source_accuracy is not None and unadapted_accuracy is not None and source_accuracy < unadapted_accuracy - LARGEST_FALL:
        return f"its source accuracy fell from {unadapted_accuracy:.1%} to {source_accuracy:.1%}"
    return ""


def _entropy(shares: Floats) -> float:
    return float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
