"""Macro recall."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class MacroRecall(Metric):
    """Mean recall of the classes that have images; the same as balanced accuracy."""

    title: ClassVar[str] = "Recall, macro"
    meaning: ClassVar[str] = "mean of the classes"
    position: ClassVar[int] = 40

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average("recall")
