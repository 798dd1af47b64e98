"""Degenerate predictions: what rejects a candidate whatever its validator scores are."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from headstart.core.types import Floats

LARGEST_DISTANCE = 0.2
"""The largest total variation between predicted and estimated class shares, where a shift of class shares explains the target.
Chosen, not measured."""
LEAST_CLASS_FRACTION = 0.1
"""A class is lost if its predicted share is below this fraction of its estimated share. Chosen, not measured."""
SMALLEST_CLASS = 0.02
"""The smallest estimated share of a class whose loss counts. Chosen, not measured."""
LEAST_ENTROPY = 0.5
"""The least entropy of the predicted class shares, as a fraction of that of the estimated ones. Chosen, not measured."""
LEAST_AGREEMENT = 0.5
"""The least agreement with the unadapted model on the rows of which that model is sure. Chosen, not measured."""
LARGEST_FALL = 0.1
"""The largest fall of source accuracy. Chosen, not measured."""


def shares_fault(shares: Floats, expected: Floats, *, exact: bool) -> str:
    """What is wrong with predicted class shares, given those estimated for the target, as a part of a sentence; else empty.

    `exact` says that the estimate is reliable, as under a shift of labels alone; else a single class and low entropy alone count.
    """
    if shares.max() >= 1.0 and expected.max() < 1.0 - SMALLEST_CLASS:
        return "its predictions are degenerate: every row gets the same class"
    distance = float(np.abs(shares - expected).sum() / 2)
    if exact and distance > LARGEST_DISTANCE:
        return f"its class shares are {distance:.2f} from those that explain the target, where {LARGEST_DISTANCE} is the most"
    lost = (expected >= SMALLEST_CLASS) & (shares < LEAST_CLASS_FRACTION * expected)
    if exact and lost.any():
        return f"its predictions are degenerate: {int(lost.sum())} of {len(shares)} classes hardly occur in them"
    found, wanted = float(entr(shares).sum()), float(entr(expected).sum())
    if found < LEAST_ENTROPY * wanted:
        return f"its predictions are degenerate: the entropy of its class shares is {found:.2f} nats, not {wanted:.2f}"
    return ""


def agreement_fault(agreement: float | None, source_accuracy: float | None, unadapted_accuracy: float | None) -> str:
    """What a candidate lost of the unadapted model, as a part of a sentence; empty where nothing is lost.

    `agreement` is that with the unadapted model on the rows of which it is sure. A value that is None is not tested.
    """
    if agreement is not None and agreement < LEAST_AGREEMENT:
        return f"it agrees with the unadapted model on only {agreement:.0%} of the rows of which that model is sure"
    if source_accuracy is not None and unadapted_accuracy is not None and source_accuracy < unadapted_accuracy - LARGEST_FALL:
        return f"its source accuracy fell from {unadapted_accuracy:.1%} to {source_accuracy:.1%}"
    return ""
