"""Ridge on rows or on their lift, whichever leave-one-out says is clearly better."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import has_mates
from headstart.heads.kernel_map import KernelMap, median_square
from headstart.heads.ridge import RidgeFit, fit_ridge
from headstart.heads.temperature import row_losses

WIDTHS = (0.1, 0.3, 1.0)
"""Squared kernel widths that are tried, as multiples of the median squared distance."""
CLEARLY = 2.0
"""Standard errors by which the lift must lower the leave-one-out loss: straight boundaries are the safer guess."""


@dataclass(frozen=True)
class KernelRidge:
    """scores = lift(rows) @ weight + bias.

    Attributes:
        lift: None where the rows themselves do as well.
        fit: The ridge solution and its leave-one-out scores.
        width: The lift's squared width, as a multiple of the rows' median squared distance; 0 without a lift.
    """

    lift: KernelMap | None
    fit: RidgeFit = field(repr=False)
    width: float = 0.0

    def scores(self, rows: Floats) -> Floats:
        """float64 [sample, class]."""
        return np.asarray((rows if self.lift is None else self.lift.rows(rows)) @ self.fit.weight + self.fit.bias)

    def losses(self, labels: Integers, groups: Integers | None = None) -> Floats:
        """Leave-one-out loss of each judged row whose class has other rows, float64; labels and groups of all rows."""
        fair = has_mates(labels, groups)[self.fit.judged]
        return row_losses(self.fit.loo_scores[fair], labels[self.fit.judged][fair], self.fit.temperature)


def fit_kernel_ridge(
    rows: Floats,
    labels: Integers,
    num_classes: int,
    weights: Floats | None = None,
    groups: Integers | None = None,
    seed: int = 0,
    width: float | None = None,
) -> KernelRidge:
    """Ridge on the rows, or on a Gaussian lift of them.

    Args:
        rows: float [sample, axis].
        labels: int64 [sample].
        num_classes: Of the task.
        weights: float [sample], positive; None weighs rows alike.
        groups: int64 [sample]; rows of one group are left out together.
        seed: Decides the landmarks.
        width: Squared width of the lift, as a multiple of the median squared distance; 0 for none. None lifts, by the best of
            three widths, where leave-one-out loses two standard errors less.

    Returns:
        The fit.

    Reference: the rule to keep the simpler model unless the other one is clearly better is that of Breiman et al.,
        "Classification and Regression Trees", 1984, section 3.4.3.
    """
    median = 1.0 if width == 0 else median_square(rows, seed)

    def fitted(width: float) -> KernelRidge:
        if not width:
            return KernelRidge(None, fit_ridge(rows, labels, num_classes, weights, groups))
        lift = KernelMap.of(rows, 1.0 / (width * median), seed)
        return KernelRidge(lift, fit_ridge(lift.rows(rows), labels, num_classes, weights, groups), width)

    if width is not None:
        return fitted(width)
    plain, best = fitted(0.0), min(map(fitted, WIDTHS), key=lambda one: min(one.fit.losses))
    return best if _clearly_better(best, plain, labels, groups) else plain


def _clearly_better(one: KernelRidge, other: KernelRidge, labels: Integers, groups: Integers | None) -> bool:
    gains = other.losses(labels, groups) - one.losses(labels, groups)
    if len(gains) < 2:
        return False
    return bool(gains.mean() > CLEARLY * gains.std(ddof=1) / np.sqrt(len(gains)))
