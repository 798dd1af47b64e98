"""Metric: one number of an evaluation, with its interval and how it is printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from headstart.core.estimate import Estimate
from headstart.evaluation.labeled_predictions import LabeledPredictions


class Metric(ABC):
    """One number of an evaluation.

    Attributes:
        title: What a table calls it.
        meaning: A few words that explain it.
        is_share: Whether it is printed as per cent; else as a decimal number.
        position: Where it stands in an evaluation; metrics of plug-ins stand last.
    """

    title: ClassVar[str]
    meaning: ClassVar[str]
    is_share: ClassVar[bool] = True
    position: ClassVar[int] = 1_000

    @abstractmethod
    def estimate(self, labeled: LabeledPredictions) -> Estimate | None:
        """The value with its 95 % interval; None where it is not defined for these rows."""


class MacroAverage(Metric):
    """The mean of one number of the classes that have images.

    Attributes:
        key: Which number of a class.
    """

    meaning: ClassVar[str] = "mean of the classes"
    key: ClassVar[Literal["precision", "recall", "f1"]]

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        return labeled.macro_average(self.key)
