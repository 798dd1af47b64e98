"""Root mean squared error of numbers."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class RootMeanSquaredError(OutputMetric):
    """The root of the mean squared error, in which large errors count more."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "RMSE"
    meaning: ClassVar[str] = "root mean squared error"
    is_share: ClassVar[bool] = False
    larger_is_better: ClassVar[bool | None] = False
    most: ClassVar[float | None] = None
    position: ClassVar[int] = 30

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats:
        squares = ((predictions.values - predictions.targets) ** 2).mean(axis=1)
        return np.asarray(np.sqrt(weights @ squares / weights.sum(axis=1)))
