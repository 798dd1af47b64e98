"""Width of the prediction intervals of numbers."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import RowMean
from headstart.multioutput.predictions import OutputPredictions


@final
class IntervalWidth(RowMean):
    """Mean width of the 90 % prediction intervals; not defined where one has no end."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "width at 90 %"
    meaning: ClassVar[str] = "of the prediction intervals"
    is_share: ClassVar[bool] = False
    larger_is_better: ClassVar[bool | None] = False
    most: ClassVar[float | None] = None
    position: ClassVar[int] = 50

    def rows(self, predictions: OutputPredictions) -> Floats | None:
        if predictions.low is None or predictions.high is None or not np.isfinite(predictions.high - predictions.low).all():
            return None
        return np.asarray((predictions.high - predictions.low).mean(axis=1))
