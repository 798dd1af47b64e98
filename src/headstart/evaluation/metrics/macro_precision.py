"""Macro precision."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class MacroPrecision(Metric):
    """Mean precision of the classes that have images."""

    title: ClassVar[str] = "Precision, macro"
    meaning: ClassVar[str] = "mean of the classes"
    position: ClassVar[int] = 30

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average("precision")
