"""Accuracy of grades."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.grades import grades_in
from headstart.multioutput.metrics.base import Proportion
from headstart.multioutput.predictions import OutputPredictions


@final
class GradeAccuracy(Proportion):
    """Share of images whose predicted number rounds to the true grade; only where grades are told."""

    kind: ClassVar[str] = "numbers"
    title: ClassVar[str] = "grades right"
    meaning: ClassVar[str] = "numbers that round to the true grade"
    position: ClassVar[int] = 14

    def rows(self, predictions: OutputPredictions) -> Floats | None:
        grades = grades_in(predictions)
        return None if grades is None else np.asarray(grades.said == grades.true, np.float64)
