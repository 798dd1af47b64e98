"""Quadratic weighted kappa of grades."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.grades import grades_in
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class QuadraticKappa(OutputMetric):
    """One minus the squared errors of rounded numbers over those of the same grades paired by chance; only where grades are told.

    Reference: Cohen, "Weighted kappa: Nominal scale agreement with provision for scaled disagreement or partial credit",
        Psychological Bulletin 1968, with squared weights; the errors by chance are written by means and variances.
    """

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "quadratic kappa"
    meaning: ClassVar[str] = "agreement of grades beyond chance"
    is_share: ClassVar[bool] = False
    least: ClassVar[float | None] = -1.0
    position: ClassVar[int] = 12

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats | None:
        grades = grades_in(predictions)
        if grades is None:
            return None
        shares = weights / weights.sum(axis=1, keepdims=True)
        centered = np.stack(grades) - grades.true.mean()  # for the sums of squares
        (true, said), (true_squares, said_squares) = ((shares @ part.T).T for part in (centered, centered**2))
        by_chance = true_squares + said_squares - 2 * true * said
        errors = shares @ (grades.true - grades.said) ** 2
        return np.asarray(np.where(by_chance > 0, 1 - errors / np.where(by_chance > 0, by_chance, 1.0), np.nan))
