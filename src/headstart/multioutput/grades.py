"""Grades: ordered classes by whole numbers, such as 0 to 4 of a disease; a predicted number rounds to one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.predictions import OutputPredictions

MOST_GRADES = 20
"""Numbers with more different values are amounts, not grades. Chosen, not measured."""


class Grades(NamedTuple):
    """Grades of images.

    Attributes:
        true: float64 [sample], whole numbers.
        said: float64 [sample], the nearest whole number to what was predicted.
    """

    true: Floats
    said: Floats


def grades_in(predictions: OutputPredictions) -> Grades | None:
    """The grades of predicted numbers; None where the true numbers are no grades: not whole, or of too many values."""
    true = predictions.targets[:, 0]
    if (true != np.rint(true)).any() or len(np.unique(true)) > MOST_GRADES:
        return None
    return Grades(true, np.rint(predictions.values[:, 0]))
