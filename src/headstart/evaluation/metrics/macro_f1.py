"""Macro F1."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class MacroF1(Metric):
    """Mean F1 of the classes that have images."""

    title: ClassVar[str] = "F1, macro"
    meaning: ClassVar[str] = "mean of the classes"
    position: ClassVar[int] = 50

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average("f1")
