"""SND: whether rows with like predictions form dense neighborhoods."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from headstart.core.spacing import evenly_spaced
from headstart.evaluation.validator_inputs import ValidatorInputs

TEMPERATURE = 0.05
MOST_ROWS = 1_000
"""Rows that are looked at, evenly spaced: the measure takes all pairs of them."""


def snd(evidence: ValidatorInputs) -> float | None:
    """Mean entropy of the soft neighborhoods that target rows have among each other, by the cosine of their predictions.

    Limits: a model that calls every row the same class has the densest neighborhoods of all.

    Args:
        evidence: Of one candidate.

    Returns:
        Between 0 and the logarithm of the number of rows less one, in nats; None with fewer than three rows.

    Reference: Saito, Kim, Teterwak, Sclaroff, Darrell & Saenko, "Tune It the Right Way: Unsupervised Validation of Domain
        Adaptation via Soft Neighborhood Density", ICCV 2021, eqs. 1-3.
    Differs: at most 1,000 rows.
    """
    num = len(evidence.target_probs)
    if num < 3:
        return None
    rows = evidence.target_probs[evenly_spaced(num, MOST_ROWS)]
    directions = np.asarray(rows, np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)
    scaled = directions @ directions.T / TEMPERATURE
    np.fill_diagonal(scaled, -np.inf)
    logs = log_softmax(scaled, axis=1)
    np.fill_diagonal(logs, 0.0)
    shares = np.exp(logs)
    np.fill_diagonal(shares, 0.0)
    return float(-(shares * logs).sum(axis=1).mean())
