"""R2 of numbers."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class R2(OutputMetric):
    """One minus the squared errors over those of the images' own mean; below 0 where that mean is nearer to the truth."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "R2"
    meaning: ClassVar[str] = "share of the variance that is explained"
    is_share: ClassVar[bool] = False
    least: ClassVar[float | None] = None
    position: ClassVar[int] = 10

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats:
        targets, total = predictions.targets, weights.sum(axis=1, keepdims=True)
        errors = weights @ (predictions.values - targets) ** 2
        center = targets.mean(axis=0)  # for the sums of squares
        own = weights @ (targets - center) ** 2 - (weights @ (targets - center)) ** 2 / total
        return np.asarray(np.where(own > 0, 1 - errors / np.where(own > 0, own, 1.0), np.nan).mean(axis=1))
