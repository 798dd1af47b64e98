"""Micro F1 of labels."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class MicroF1(OutputMetric):
    """F1 of all labels of all images together."""

    kind: ClassVar[str] = "several_labels"
    title: ClassVar[str] = "F1, micro"
    meaning: ClassVar[str] = "all labels together"
    position: ClassVar[int] = 20

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats:
        said, true = predictions.said, predictions.targets > 0
        right, both = (said & true).sum(axis=1), said.sum(axis=1) + true.sum(axis=1)
        return np.asarray(2 * (weights @ right) / np.maximum(weights @ both, 1e-12))
