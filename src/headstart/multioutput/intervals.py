"""Prediction intervals of numbers by CV+."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.errors import DataError, PlanError
from headstart.core.types import Floats, Integers

LEVEL = 0.9
"""Of the intervals of an evaluation."""
SMALLEST_WIDENING = 0.0005
"""A widening that is shown as none: half of the last digit."""
CHUNK_VALUES = 20_000_000


@dataclass(frozen=True)
class CrossConformal:
    """Absolute residuals of held-out images, by the fold that held each out.

    Attributes:
        residuals: float64 [held-out sample, output].
        folds: int64 [held-out sample].
        widening: By what residuals are multiplied, as the model was chosen by the same images; 1 where it was not.

    Reference: Barber, Candes, Ramdas & Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 2021, section
        3 (CV+) and theorem 4; with one fold it is split conformal prediction (Lei et al., JASA 2018).
    """

    residuals: Floats = field(repr=False)
    folds: Integers = field(repr=False)
    widening: float = 1.0

    def allows(self, level: float) -> bool:
        """Whether there are residuals enough for intervals of that level."""
        return _place(level, len(self.residuals)) <= len(self.residuals)

    def interval(self, predicted: Floats, level: float) -> tuple[Floats, Floats]:
        """Lower and upper ends, float64 [sample, output] both, of intervals that hold the truth for a share `level` of images.

        Args:
            predicted: What the model of each fold says, float64 [fold, sample, output].
            level: The share.

        Returns:
            Both.

        Raises:
            PlanError: The share is none.
            DataError: There are too few residuals for that share.
        """
        if not 0 < level < 1:
            raise PlanError(f"interval = {level:g} is no share of images. Give more than 0 and less than 1, such as 0.9.")
        count = len(self.residuals)
        place = _place(level, count)
        if place > count:
            most = int(1000 * count / (count + 1)) / 1000
            raise DataError(
                f"interval = {level:g} cannot be given with {count} labeled images: one in {1 / (1 - level):.0f} must lie "
                f"outside. Ask for {most:g} or less."
            )
        low, high = np.empty(predicted.shape[1:]), np.empty(predicted.shape[1:])
        residuals = self.widening * self.residuals[:, None]
        step = max(1, CHUNK_VALUES // (count * predicted.shape[2]))
        for start in range(0, predicted.shape[1], step):
            part = slice(start, start + step)
            own = predicted[self.folds, part]  # [held-out sample, sample, output]
            high[part] = np.partition(own + residuals, place - 1, axis=0)[place - 1]
            low[part] = np.partition(own - residuals, count - place, axis=0)[count - place]
        return low, high

    def guarantee(self, level: float) -> str:
        """What holds for intervals of that level, for images like the labeled ones, in one sentence."""
        num_folds = int(self.folds.max()) + 1
        if num_folds == 1:
            return (
                f"Intervals at {level:.0%} hold the true number for at least {level:.0%} of images like the labeled ones, on "
                f"average over draws of these (split conformal).{self._widened}"
            )
        count = len(self.residuals)
        loss = min(2 * (1 - 1 / num_folds) / (count / num_folds + 1), (1 - num_folds / count) / (num_folds + 1))
        least = max(0.0, 1 - 2 * (1 - level) - loss)
        return (
            f"Intervals at {level:.0%} hold the true number for at least {least:.0%} of images like the labeled ones, on average "
            f"over draws of these, for a model that these did not choose (CV+), and for about {level:.0%} where models of "
            f"different folds agree.{self._widened}"
        )

    @property
    def _widened(self) -> str:
        """What was done about the choice, as a sentence after a space; empty where nothing was."""
        if self.widening < 1 + SMALLEST_WIDENING:
            return ""
        return f" As the model was chosen by the same images, they are {self.widening - 1:.1%} wider than its own errors say."


def _place(level: float, count: int) -> int:
    """Which of so many residuals, counted from 1 in ascending order, bounds intervals of that level."""
    return int(np.ceil(level * (count + 1) - 1e-9))
