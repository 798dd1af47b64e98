"""Subset accuracy of labels."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import Proportion
from headstart.multioutput.predictions import OutputPredictions


@final
class SubsetAccuracy(Proportion):
    """Share of images whose labels are all right: none missing, none too many."""

    kind: ClassVar[str] = "several_labels"
    title: ClassVar[str] = "subset accuracy"
    meaning: ClassVar[str] = "images with all labels right"
    position: ClassVar[int] = 40

    def rows(self, predictions: OutputPredictions) -> Floats:
        return np.asarray((predictions.said == (predictions.targets > 0)).all(axis=1), np.float64)
