"""Temperature scaling."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

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
    return _minimizing(values, float(values[np.arange(len(labels)), labels].mean()))


def fit_temperature_to(scores: Floats, probs: Floats) -> float:
    """As `fit_temperature`, for probabilities [sample, class] in place of labels: what makes the scores as sure as they are."""
    if not len(probs):
        return 1.0
    values = np.asarray(scores, np.float64)
    return _minimizing(values, float((probs * values).sum(axis=1).mean()))


def soft_loss(scores: Floats, probs: Floats, temperature: float) -> float:
    """Mean cross-entropy in nats of probabilities [sample, class] with those that the scores over a temperature stand for."""
    logs = log_softmax(np.asarray(scores, np.float64) / temperature, axis=1)
    return float(-(probs * logs).sum(axis=1).mean())


def _minimizing(values: Floats, picked: float) -> float:
    """The temperature of least loss, where the mean score of the targets is `picked`."""
    smoothing = 1.0 / (len(values) + 1.0)
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
