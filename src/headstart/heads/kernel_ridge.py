"""Ridge on rows or on their kernel map, chosen by leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import has_mates
from headstart.heads.kernel_map import KernelMap, median_square
from headstart.heads.ridge_leave_one_out import RidgeFit, fit_ridge
from headstart.heads.temperature import row_losses

WIDTHS = (0.1, 0.3, 1.0)
"""Squared kernel widths that are tried, as multiples of the median squared distance. Chosen, not measured; leave-one-out
decides."""
STANDARD_ERRORS = 2.0
"""Standard errors by which the kernel map must lower the leave-one-out loss: about the usual level of a test, where Breiman et
al. take one standard error."""


@dataclass(frozen=True)
class KernelRidge:
    """scores = kernel_map(rows) @ weight + bias.

    Attributes:
        kernel_map: None where the rows themselves do as well.
        fit: The ridge solution and its leave-one-out scores.
        width: The map's squared width, as a multiple of the rows' median squared distance; 0 without a map.
    """

    kernel_map: KernelMap | None
    fit: RidgeFit = field(repr=False)
    width: float = 0.0

    def scores(self, rows: Floats) -> Floats:
        """float64 [sample, class]."""
        mapped = rows if self.kernel_map is None else self.kernel_map.rows(rows)
        return np.asarray(mapped @ self.fit.weight + self.fit.bias)

    def losses(self, labels: Integers, groups: Integers | None = None) -> Floats:
        """Leave-one-out losses, float64, of the scored rows whose class has other rows; labels and groups are of all rows."""
        fair = has_mates(labels, groups)[self.fit.loo_rows]
        return row_losses(self.fit.loo_scores[fair], labels[self.fit.loo_rows][fair], self.fit.temperature)


def fit_kernel_ridge(
    rows: Floats,
    labels: Integers,
    num_classes: int,
    weights: Floats | None = None,
    groups: Integers | None = None,
    seed: int = 0,
    width: float | None = None,
) -> KernelRidge:
    """Ridge on the rows, or on a Gaussian kernel map of them.

    `rows`, `labels`, `num_classes`, `weights` and `groups` are as in `fit_ridge`; `seed` decides the landmarks; `width` is the
    kernel's squared width as a multiple of the median squared distance, 0 for no map. With None, the best of three widths is
    taken if its leave-one-out loss is two standard errors lower than without a map.

    Reference: the rule to keep the simpler model unless the other one is clearly better is that of Breiman et al.,
        "Classification and Regression Trees", 1984, section 3.4.3.
    """
    median = 1.0 if width == 0 else median_square(rows, seed)

    def fitted(width: float) -> KernelRidge:
        if not width:
            return KernelRidge(None, fit_ridge(rows, labels, num_classes, weights, groups))
        kernel_map = KernelMap.of(rows, 1.0 / (width * median), seed)
        return KernelRidge(kernel_map, fit_ridge(kernel_map.rows(rows), labels, num_classes, weights, groups), width)

    if width is not None:
        return fitted(width)
    plain, best = fitted(0.0), min(map(fitted, WIDTHS), key=lambda one: min(one.fit.losses))
    gains = plain.losses(labels, groups) - best.losses(labels, groups)
    clear = len(gains) > 1 and gains.mean() > STANDARD_ERRORS * gains.std(ddof=1) / np.sqrt(len(gains))
    return best if clear else plain
