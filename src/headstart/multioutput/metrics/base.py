"""OutputMetric: one number of an evaluation of outputs, with its interval and how it is printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.evaluation.intervals import bootstrap, percentile_interval
from headstart.multioutput.predictions import OutputPredictions

DRAWS = 1_000
"""Bootstrap draws of an interval; its ends are then good to about a tenth of its width."""


class OutputMetric(ABC):
    """One number of an evaluation.

    Attributes:
        kind: The kind of outputs that it is of.
        title: What a table calls it.
        meaning: A few words that explain it.
        is_share: Whether it is printed as per cent; else as a decimal number.
        larger_is_better: Whether a larger value is the better one; None where neither is.
        least: Its smallest value; None where it has none.
        most: Its greatest value; None where it has none.
        position: Where it stands in an evaluation; metrics of plug-ins stand last.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str]
    is_share: ClassVar[bool] = True
    larger_is_better: ClassVar[bool | None] = True
    least: ClassVar[float | None] = 0.0
    most: ClassVar[float | None] = 1.0
    position: ClassVar[int] = 1_000

    @abstractmethod
    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats | None:
        """The value where images count as often as each line of weights [draw, sample] says, float64 [draw].

        Not a number where it is not defined, and None where it is not defined for these images at all.
        """

    def estimate(self, predictions: OutputPredictions) -> Estimate | None:
        """The value with its 95 % interval, by a bootstrap over groups of images; None where it is not defined."""
        value = self.values(predictions, np.ones((1, len(predictions))))
        if value is None or np.isnan(value[0]):
            return None
        draws = bootstrap(
            lambda weights: np.asarray(self.values(predictions, weights)),
            predictions.groups,
            None,
            DRAWS,
            generator_for(0, "intervals", self.title),
        )
        return percentile_interval(float(value[0]), draws)


class RowMean(OutputMetric):
    """A mean over images of something that each image has."""

    @abstractmethod
    def rows(self, predictions: OutputPredictions) -> Floats | None:
        """What each image has, float64 [sample]; None where it is not defined."""

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats | None:
        rows = self.rows(predictions)
        return None if rows is None else np.asarray(weights @ rows / weights.sum(axis=1))


class Proportion(RowMean):
    """A mean of zeros and ones, whose interval has width even where all are equal."""

    def estimate(self, predictions: OutputPredictions) -> Estimate | None:
        found, rows = super().estimate(predictions), self.rows(predictions)
        if found is None or rows is None or found.low < found.high:
            return found
        from headstart.evaluation.intervals import wilson  # noqa: PLC0415

        num_groups = len(np.unique(predictions.groups))
        return wilson(found.value * num_groups, num_groups)
