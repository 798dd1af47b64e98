"""Weights of several models in the geometric mean of their probabilities (a logarithmic opinion pool)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from headstart.core.types import Floats, Integers


class Prior(NamedTuple):
    """What is expected of the weights before any row is seen: independent normal densities.

    Attributes:
        mean: float64 [model].
        std: Standard deviations, float64 [model].
    """

    mean: Floats
    std: Floats


def fit_weights(
    logs: Floats, labels: Integers, prior: Prior | None = None, row_weights: Floats | None = None
) -> tuple[float, ...]:
    """The weights of several models in the weighted geometric mean that predicts the labels best.

    Weights are at least zero, and need not sum to 1, so that the mean is calibrated at once. The objective is convex in them.

    Args:
        logs: Log probabilities [model, sample, class] of rows that no model was fitted to.
        labels: int64 [sample].
        prior: Few rows leave the weights at its mean. None takes no prior.
        row_weights: How often each row counts, float [sample]; None counts all once.

    Returns:
        The weights. Without rows, those of the prior, or equal ones with sum 1.

    Reference: Heskes, "Selecting weighting factors in logarithmic opinion pools", NeurIPS 1997, eq. 2; Wolpert, "Stacked
        Generalization", Neural Networks 1992.
    Differs: weights need not sum to 1, targets are smoothed as in `fit_temperature`, and there may be a prior.
    """
    start = np.full(len(logs), 1 / len(logs)) if prior is None else np.asarray(prior.mean, np.float64)
    if not len(labels):
        return tuple(start.tolist())
    values = np.asarray(logs, np.float64)
    counts = np.ones(len(labels)) if row_weights is None else np.asarray(row_weights, np.float64)
    total = float(counts.sum())
    smoothing = 1.0 / (total + 1.0)
    picked = values[:, np.arange(len(labels)), labels] @ counts / total
    aimed = (1.0 - smoothing) * picked + smoothing * (values.mean(axis=2) @ counts / total)
    pull = np.zeros(len(logs)) if prior is None else 1.0 / (np.asarray(prior.std, np.float64) ** 2 * total)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.tensordot(weights, values, 1)
        normalizers = logsumexp(scores, axis=1)
        probs = np.exp(scores - normalizers[:, None]) * (counts / total)[:, None]
        away = weights - start
        value = float(normalizers @ counts / total - weights @ aimed + pull @ away**2 / 2)
        return value, np.einsum("mrc,rc->m", values, probs) - aimed + pull * away

    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(values))
    return tuple(best.x.tolist())
