"""Confidence optimal transport: how far the predicted probabilities are from labels in the learned class shares."""

from __future__ import annotations

import numpy as np

from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.shift.label_shift import class_shares

MOST_ROWS = 1_000
"""Evenly spaced rows that are transported: the time grows faster than their number."""


def confidence_optimal_transport(held_out_probs: Floats, held_out_labels: Integers, probs: Floats) -> float:
    """One minus the cost of transporting the probabilities to labels in the held-out class shares, within [0, 1].

    The cost of a row and a class is the largest difference of the row's probabilities from that class alone. A model that names
    few classes for everything, however confidently, is thus found out; one that meets other class shares is taken to be wrong.

    Reference: Lu, Wang, Zhai, Kolouri, Campbell & Sycara, "Predicting Out-of-Distribution Error with Confidence Optimal
        Transport", 2023, section 3 (arXiv 2302.05018).
    """
    shares = class_shares(held_out_labels, held_out_probs.shape[1])
    return float(np.clip(1.0 - _transport_cost(probs, shares), 0.0, 1.0))


def _transport_cost(probs: Floats, shares: Floats) -> float:
    """The least mean cost of moving rows [row, class] to labels of the given shares, float64 [class]."""
    import ot  # noqa: PLC0415  slow to import

    # The largest difference from a one-hot row: 1 - p of the class itself, as no other probability is larger than that.
    cost = np.ascontiguousarray(1.0 - probs[evenly_spaced(len(probs), MOST_ROWS)])
    weights = np.full(len(cost), 1.0 / len(cost))
    return float(ot.emd2(weights, shares / shares.sum(), cost))
