"""DEV: the weighted source error with its variance controlled."""

from __future__ import annotations

import numpy as np

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def dev(evidence: ValidatorInputs) -> float | None:
    """Minus the importance-weighted error, corrected by how far the weights' mean is from 1.

    Limits: those of IWCV; with few effective rows the correction itself is noise.

    Args:
        evidence: Of one candidate.

    Returns:
        At most about 0; None without predictions or weights of held-out source rows, or with fewer than two of them.

    Reference: You, Wang, Long & Jordan, "Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation", ICML 2019,
        algorithm 1, with the 0/1 loss.
    """
    if evidence.held_probs is None or evidence.held_weights is None or len(evidence.held_labels) < 2:
        return None
    weights = np.asarray(evidence.held_weights, np.float64)
    weighted = weights * (1.0 - right_of(evidence.held_probs, evidence.held_labels))
    variance = float(weights.var(ddof=1))
    slope = -float(np.cov(weighted, weights)[0, 1]) / variance if variance > 0 else 0.0
    return float(-(weighted.mean() + slope * (weights.mean() - 1.0)))
