"""Coverage of the prediction intervals of numbers."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import Proportion
from headstart.multioutput.predictions import OutputPredictions


@final
class IntervalCoverage(Proportion):
    """Share of images whose 90 % prediction interval holds the true number."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "coverage at 90 %"
    meaning: ClassVar[str] = "intervals that hold the truth"
    larger_is_better: ClassVar[bool | None] = None
    position: ClassVar[int] = 40

    def rows(self, predictions: OutputPredictions) -> Floats | None:
        if predictions.low is None or predictions.high is None:
            return None
        inside = (predictions.low <= predictions.targets) & (predictions.targets <= predictions.high)
        return np.asarray(inside.all(axis=1), np.float64)
