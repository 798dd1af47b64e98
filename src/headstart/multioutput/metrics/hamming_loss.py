"""Hamming loss of labels."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import RowMean
from headstart.multioutput.predictions import OutputPredictions


@final
class HammingLoss(RowMean):
    """Share of wrong labels among all labels of all images, those that are rightly absent included."""

    kind: ClassVar[str] = "several_labels"
    title: ClassVar[str] = "Hamming loss"
    meaning: ClassVar[str] = "share of wrong labels"
    larger_is_better: ClassVar[bool | None] = False
    position: ClassVar[int] = 50

    def rows(self, predictions: OutputPredictions) -> Floats:
        return np.asarray((predictions.said != (predictions.targets > 0)).mean(axis=1))
