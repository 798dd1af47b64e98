"""Macro F1 of labels."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class MacroF1OfLabels(OutputMetric):
    """F1 of each class, averaged over the classes that an image shows."""

    kind: ClassVar[str] = "several_labels"
    title: ClassVar[str] = "F1, macro"
    meaning: ClassVar[str] = "mean of the classes"
    position: ClassVar[int] = 30

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats:
        said, true = predictions.said.astype(np.float64), predictions.targets
        support = weights @ true
        f1 = 2 * (weights @ (said * true)) / np.maximum(support + weights @ said, 1e-12)
        shown = support > 0
        return np.asarray((f1 * shown).sum(axis=1) / np.where(shown.any(axis=1), shown.sum(axis=1), np.nan))
