"""Metric: one number of an evaluation, with its interval and how it is printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.types import Floats
from headstart.evaluation.labeled_predictions import LabeledPredictions


class Metric(ABC):
    """One number of an evaluation.

    Attributes:
        title: What a table calls it.
        meaning: A few words that explain it.
        is_share: Whether it is printed as per cent; else as a decimal number.
        most: Its greatest value; None where it has none.
        position: Where it stands in an evaluation; metrics of plug-ins stand last.
    """

    title: ClassVar[str]
    meaning: ClassVar[str]
    is_share: ClassVar[bool] = True
    most: ClassVar[float | None] = 1.0
    position: ClassVar[int] = 1_000

    @abstractmethod
    def estimate(self, labeled: LabeledPredictions) -> Estimate | None:
        """The value with its 95 % interval; None where it is not defined for these rows."""

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats | None:
        """The value where rows count as often as each line of weights [draw, sample] says, float64 [draw].

        Not a number where it is not defined, and None for a metric that is not counted so.
        """
        return None


class MacroAverage(Metric):
    """The mean of one number of the classes that have images.

    Attributes:
        key: Which number of a class.
    """

    meaning: ClassVar[str] = "mean of the classes"
    key: ClassVar[Literal["precision", "recall", "f1"]]

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average(self.key)

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats:
        counts = labeled.counts_of(weights)
        present = counts.support > 0
        return np.asarray((getattr(counts, self.key) * present).sum(axis=1) / present.sum(axis=1))
