"""Temperature scaling, and the weights of an ensemble."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from headstart.core.types import Floats, Integers

LOG_RANGE = (float(np.log(1e-3)), float(np.log(1e3)))
"""Logarithms of the smallest and the largest temperature."""


def row_losses(scores: Floats, labels: Integers, temperature: float) -> Floats:
    """Negative log-likelihood of each row's label in nats, float64 [sample], from scores [sample, class] over a temperature."""
    scaled = np.asarray(scores, np.float64) / temperature
    picked = scaled[np.arange(len(labels)), labels]
    return np.asarray(np.maximum(logsumexp(scaled, axis=1) - picked, 0.0))


def fit_temperature(scores: Floats, labels: Integers) -> float:
    """The temperature, within [0.001, 1000], that minimizes the negative log-likelihood of the labels; 1.0 without rows.

    Give held-out scores [sample, class] (leave-one-out or out-of-fold): on training scores the temperature comes out far too
    small.

    Reference: Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
    Differs: the targets are smoothed by one row's worth of uniform labels, as in Platt scaling, so that scores without a
        mistake keep a finite confidence.
    """
    if not len(labels):
        return 1.0
    values = np.asarray(scores, np.float64)
    smoothing = 1.0 / (len(labels) + 1.0)
    picked = float(values[np.arange(len(labels)), labels].mean())
    aimed = (1.0 - smoothing) * picked + smoothing * float(values.mean())
    shifted = values - values.max(axis=1, keepdims=True)
    offset = float(values.max(axis=1).mean())
    powers = np.empty_like(shifted)

    def loss(log_temperature: float) -> float:
        inverse = float(np.exp(-log_temperature))
        np.exp(np.multiply(shifted, inverse, out=powers), out=powers)
        normalizer = float(np.log(powers.sum(axis=1)).mean())
        return normalizer + (offset - aimed) * inverse

    best = minimize_scalar(loss, bounds=LOG_RANGE, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(best.x))


def fit_weights(logs: Floats, labels: Integers) -> tuple[float, ...]:
    """The weights of several models in the weighted geometric mean that predicts the labels best.

    `logs` are log probabilities [model, sample, class] of rows that no model was fitted to. Weights are at least zero; equal,
    with sum 1, where there are no rows. The loss is convex in them.

    Reference: Heskes, "Selecting weighting factors in logarithmic opinion pools", NeurIPS 1997, eq. 2; Wolpert, "Stacked
        Generalization", Neural Networks 1992.
    Differs: weights need not sum to 1, so that the mean is calibrated at once, with targets smoothed as in `fit_temperature`.
    """
    equal = np.full(len(logs), 1 / len(logs))
    if not len(labels):
        return tuple(equal.tolist())
    values = np.asarray(logs, np.float64)
    smoothing = 1.0 / (len(labels) + 1.0)
    picked = values[:, np.arange(len(labels)), labels].mean(axis=1)
    aimed = (1.0 - smoothing) * picked + smoothing * values.mean(axis=(1, 2))

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.tensordot(weights, values, 1)
        normalizers = logsumexp(scores, axis=1)
        expected = (np.exp(scores - normalizers[:, None]) * values).sum(axis=2).mean(axis=1)
        return float(normalizers.mean() - weights @ aimed), expected - aimed

    best = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(values))
    return tuple(best.x.tolist())
