"""Mean absolute error of numbers."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import RowMean
from headstart.multioutput.predictions import OutputPredictions


@final
class MeanAbsoluteError(RowMean):
    """How far predicted numbers are from the true ones, on average."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "MAE"
    meaning: ClassVar[str] = "mean absolute error"
    is_share: ClassVar[bool] = False
    larger_is_better: ClassVar[bool | None] = False
    most: ClassVar[float | None] = None
    position: ClassVar[int] = 20

    def rows(self, predictions: OutputPredictions) -> Floats:
        return np.asarray(np.abs(predictions.values - predictions.targets).mean(axis=1))
