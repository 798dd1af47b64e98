"""Gradient diversity: images that would move the model much, and each in another direction."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs


def gradient_diversity(inputs: LabelInputs) -> Integers | None:
    """Rows drawn by k-means++ on gradients of the last layer at the label that the model predicts; None without a model.

    Such a gradient is the outer product of (p - one-hot label) and the features, so that distances need no product of their
    sizes.

    Reference: Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", ICLR 2020, algorithm 1
        (BADGE).
    """
    if inputs.probs is None:
        return None
    errors = inputs.probs.copy()
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1.0
    features = inputs.features
    squares = (errors**2).sum(axis=1) * (features**2).sum(axis=1)
    generator = generator_for(inputs.seed, "label", "gradients")
    chosen = [int(np.argmax(squares))]
    nearest = np.full(len(errors), np.inf)
    while len(chosen) < inputs.num:
        last = chosen[-1]
        inner = (errors @ errors[last]) * (features @ features[last])
        nearest = np.minimum(nearest, np.maximum(squares + squares[last] - 2.0 * inner, 0.0))
        nearest[chosen] = 0.0
        total = float(nearest.sum())
        others = np.setdiff1d(np.arange(len(errors)), chosen)
        chosen.append(int(generator.choice(len(errors), p=nearest / total) if total > 0 else generator.choice(others)))
    return np.array(chosen, np.int64)
