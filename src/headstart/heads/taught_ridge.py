"""Ridge on probabilities that a teacher gives: penalty and temperature are those that predict the teacher on rows left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.rows import Rows
from headstart.core.types import Floats, Integers
from headstart.heads.ridge_leave_one_out import ridge_path
from headstart.heads.temperature import fit_temperature_to, soft_loss


class TaughtRidge(NamedTuple):
    """A linear student.

    Attributes:
        weight: float64 [feature, class].
        bias: float64 [class].
        temperature: Divides the scores.
    """

    weight: Floats
    bias: Floats
    temperature: float


def fit_taught_ridge(features: Rows, probs: Floats, taught: Integers) -> TaughtRidge:
    """Ridge on the targets 2 p - 1, with the penalty and the temperature that suit the teacher's rows.

    Each of these is scored by the exact fit without it, and its scores are held to what the teacher says of it: labels of the
    other rows cannot tell, as the teacher has learned from them. A calibrated teacher makes a calibrated student.

    Args:
        features: float [sample, feature].
        probs: float64 [sample, class]: the teacher's, and 1 at the label of labeled rows.
        taught: int64: the teacher's rows.

    Returns:
        The fit to all rows.
    """
    path = ridge_path(features, 2.0 * probs - 1.0, loo_rows=taught)
    wanted = probs[taught]
    temperatures = [fit_temperature_to(scores, wanted) for scores in path.loo_scores]
    losses = [soft_loss(scores, wanted, one) for scores, one in zip(path.loo_scores, temperatures, strict=True)]
    best = int(np.argmin(losses))
    return TaughtRidge(*path.solution(best), temperatures[best])
