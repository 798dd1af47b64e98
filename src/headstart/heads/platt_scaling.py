"""Platt scaling: one sigmoid a class from scores to probabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from headstart.core.types import Floats

NUM_STEPS = 100
"""Newton steps at most; some ten suffice."""
TOLERANCE = 1e-9
"""Of the gradient of the mean loss."""
RIDGE = 1e-9
"""Added to the curvature, so that constant scores leave a solvable system."""


def fit_platt(scores: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Slope and offset of the sigmoid of each class, float64 [class] both; no slope is below 0.

    Targets are pulled in by one imaginary image of each side, so that no probability becomes 0 or 1 however well scores separate.

    Args:
        scores: [sample, class]; one row at least.
        targets: [sample, class], 0 or 1.

    Returns:
        Both: sigmoid(slope * score + offset) is a probability.

    Reference: Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers 1999, section 2.2;
        Lin, Lin & Weng, "A note on Platt's probabilistic outputs", Machine Learning 2007 (Newton's method with line search).
    Differs: scores are standardized first, and a negative slope is set to 0.
    """
    center, std = scores.mean(axis=0), scores.std(axis=0)
    width = np.where(std > 1e-12, std, 1.0)
    rows = (np.asarray(scores, np.float64) - center) / width
    positive = targets.sum(axis=0)
    wanted = np.where(targets > 0, (positive + 1) / (positive + 2), 1 / (len(targets) - positive + 2))
    slope, offset = _minimum(rows, wanted)
    flat = slope < 0
    if flat.any():
        share = wanted.mean(axis=0)
        slope, offset = np.where(flat, 0.0, slope), np.where(flat, np.log(share / (1 - share)), offset)
    return slope / width, offset - slope * center / width


def _minimum(rows: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Slope and offset of least log loss for standardized scores."""
    share = wanted.mean(axis=0)
    slope, offset = np.zeros(rows.shape[1]), np.log(share / (1 - share))
    loss = _loss(rows, wanted, slope, offset)
    for _ in range(NUM_STEPS):
        probs = expit(slope * rows + offset)
        error, curve = probs - wanted, probs * (1 - probs)
        down = np.stack([(error * rows).mean(axis=0), error.mean(axis=0)])
        if np.abs(down).max() < TOLERANCE:
            break
        first, cross, second = (curve * rows**2).mean(axis=0) + RIDGE, (curve * rows).mean(axis=0), curve.mean(axis=0) + RIDGE
        det = first * second - cross**2
        steps = (second * down[0] - cross * down[1]) / det, (first * down[1] - cross * down[0]) / det
        size = np.ones(rows.shape[1])
        for _ in range(30):
            found = _loss(rows, wanted, slope - size * steps[0], offset - size * steps[1])
            worse = ~(found <= loss)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        slope, offset = slope - size * steps[0], offset - size * steps[1]
        loss = _loss(rows, wanted, slope, offset)
    return slope, offset


def _loss(rows: Floats, wanted: Floats, slope: Floats, offset: Floats) -> Floats:
    """Mean log loss, float64 [class]."""
    logits = slope * rows + offset
    return np.asarray((np.logaddexp(0, logits) - wanted * logits).mean(axis=0))
