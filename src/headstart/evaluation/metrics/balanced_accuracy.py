"""Balanced accuracy: every class counts the same."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class BalancedAccuracy(Metric):
    """Mean recall of the classes that have images."""

    title: ClassVar[str] = "Balanced accuracy"
    meaning: ClassVar[str] = "mean recall of the classes"
    position: ClassVar[int] = 20

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average("recall")
