"""Predictions made for tests of the evaluation."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.predictions import Predictions


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    """Makes predictions of unbalanced classes in random row order; `sharpness` 1 is calibrated."""

    def make(seed: int, counts: tuple[int, ...], skill: float = 1.5, group_size: int = 1, sharpness: float = 1.0) -> Predictions:
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        scores = rng.normal(size=(len(labels), len(counts)))
        scores[np.arange(len(labels)), labels] += skill
        return Predictions(
            names=tuple(f"image-{row}.png" for row in range(len(labels))),
            classes=tuple(f"class {index}" for index in range(len(counts))),
            labels=labels,
            probs=softmax(skill * sharpness * scores, axis=1),
            raw_probs=softmax(3 * skill * scores, axis=1),
            groups=np.arange(len(labels)) // group_size,
        )

    return make
