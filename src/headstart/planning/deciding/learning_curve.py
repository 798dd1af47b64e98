"""The learning curve: the error that more labels would leave, from the errors of models fitted to subsets of the labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtri

from headstart.core.estimate import Estimate
from headstart.core.types import Booleans, Floats, Integers
from headstart.evaluation.out_of_fold import widening_of
from headstart.planning.label_budget import CurvePoint, ExpectedError, Forecast

FACTORS = (1.5, 2.0, 4.0)
"""Multiples of the labels that are forecast."""
SLOPE_MEAN, SLOPE_STD = 0.33, 0.15
"""Of the prior of the relative slope, minus the derivative of log e by log n: 0.1 to 0.5 on six draws of digits, emoji and solar
cells and four of MNIST and Fashion-MNIST with 50 to 800 labels, on which all constants of this file were set;
`python -m benchmarks.label_budget` reports on others."""
EXPONENT_MEAN, EXPONENT_STD = 0.2, 0.15
"""Of the prior of the exponent. With a mean of 0.4, gains were expected that are a fifth too small on these draws, with 0.2 a
twentieth."""
SUBSET_STD = 0.37
"""Standard deviation of a model's accuracy over draws of its labels, as a multiple of what twice the labels gain: 0.2 to 0.8 on
these draws, and more only where the gain is under two points."""
SCALED_STD = 0.4
"""Standard deviation of the logarithm of a slope that was measured on another recipe than it is used for. Chosen, not
measured."""
SLOPES = np.linspace(0.0, 0.9, 25)
EXPONENTS = np.linspace(-0.25, 1.25, 13)
LEVELS = np.linspace(-3.0, 3.0, 19)
"""The grid of the posterior: of the error at the largest part in standard errors."""
NOISE = ndtri((np.arange(9) + 0.5) / 9)
"""Equally probable values of a standard normal variable."""
SMALLEST_STD = 1e-3
"""Of a measured error, so that equal predictions of all subsets leave a covariance that can be inverted."""
MOST_UNLIKELY = 1e-6
"""Points of the grid that are less likely than this share of the likeliest are left out."""
DRAWN = 13
"""Places at which the curve is kept for drawing."""


@dataclass(frozen=True)
class SubsetErrors:
    """Held-out errors of one recipe, fitted to nested subsets of the labels.

    Attributes:
        sizes: float64 [part], ascending: rows that each part has, mean over folds; the last part is all of them.
        wrong: bool [part, row]: whether the model of a part was wrong on a held-out row.
        groups: int64 [row]; rows of one group are not independent.
        folds: int64 [row]: which fold held the row out. Each fold has subsets of its own.
    """

    sizes: Floats
    wrong: Booleans = field(repr=False)
    groups: Integers = field(repr=False)
    folds: Integers = field(repr=False)

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """Mean error of each part, and its standard deviation over folds."""
        return tuple(
            CurvePoint(
                num_rows=round(float(size)),
                error=float(row.mean()),
                std=float(np.std([row[self.folds == fold].mean() for fold in np.unique(self.folds)])),
            )
            for size, row in zip(self.sizes, self.wrong, strict=True)
        )


@dataclass(frozen=True)
class OtherErrors:
    """Held-out errors of a recipe that was fitted to all rows alone.

    Attributes:
        wrong: bool [row].
        groups: int64 [row]; rows of one group are not independent.
    """

    wrong: Booleans = field(repr=False)
    groups: Integers = field(repr=False)


@dataclass(frozen=True)
class FittedCurve:
    """The posterior of e(n) = E (1 - s (1 - (n/r)^-g) / g), with the error E, relative slope s and exponent g at r labels.

    With g = 0 it is e(n) = E (1 - s log(n/r)); with g > 0, a power law with an asymptote of E (1 - s/g).

    Attributes:
        reference: r.
        errors: float64 [grid]: E.
        slopes: float64 [grid]: s.
        exponents: float64 [grid]: g.
        weights: float64 [grid], of sum 1.
        bias: What the choice among candidates took off the measured errors; forecasts of errors are higher by so much.
        level_std: Standard deviation of a forecast error that is missing in E: out-of-fold errors are of several models.
    """

    reference: float
    errors: Floats = field(repr=False)
    slopes: Floats = field(repr=False)
    exponents: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    bias: float = 0.0
    level_std: float = 0.0

    def at(self, num_labels: float) -> Floats:
        """The mean error of models fitted to so many labels, float64 [grid]."""
        return error_at(num_labels / self.reference, self.errors, self.slopes, self.exponents)

    def forecast(self, num_labels: int, factor: float) -> Forecast:
        """What a multiple of the labels would give to one model."""
        more = round(factor * num_labels)
        now, then = self.at(num_labels), self.at(more)
        std = self._std(more)
        return Forecast(
            factor=factor,
            num_labels=more,
            accuracy=self._estimate(1 - then - self.bias, np.hypot(std, self.level_std), 0.0),
            gain=self._estimate(now - then, np.hypot(std, self._std(num_labels)), -1.0),
        )

    def error(self, num_labels: float) -> Estimate:
        """The error of one model fitted to so many labels."""
        return self._estimate(self.at(num_labels) + self.bias, np.hypot(self._std(num_labels), self.level_std), 0.0)

    def drawn(self, first: float, last: float) -> tuple[ExpectedError, ...]:
        """The curve at places of equal ratios."""
        sizes = np.unique(np.geomspace(first, last, DRAWN).round().astype(int))
        return tuple(ExpectedError(num_labels=int(size), error=self.error(int(size))) for size in sizes)

    def _std(self, num_labels: float) -> Floats:
        """Standard deviation over draws of the labels."""
        return SUBSET_STD * (self.at(num_labels) - self.at(2 * num_labels))

    def _estimate(self, means: Floats, stds: Floats, least: float) -> Estimate:
        """Posterior mean and 95 % interval, `least` to 1."""
        values = np.clip((means[:, None] + stds[:, None] * NOISE).ravel(), least, 1.0)
        order = np.argsort(values)
        shares = np.cumsum(np.repeat(self.weights, len(NOISE))[order]) / len(NOISE)
        low, high = np.interp([0.025, 0.975], shares, values[order])
        value = min(max(float(self.weights @ means), least), 1.0)
        return Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)))


def error_at(ratio: float | Floats, errors: Floats, slopes: Floats, exponents: Floats) -> Floats:
    """Errors at a ratio of the reference number of labels; see `FittedCurve`."""
    flat = np.abs(exponents) < 1e-9
    safe = np.where(flat, 1.0, exponents)
    progress = np.where(flat, np.log(ratio), (1.0 - ratio**-safe) / safe)
    return np.asarray(np.clip(errors * (1.0 - slopes * progress), 0.0, 1.0))


def fit_curve(subsets: SubsetErrors, other: OtherErrors | None = None, bias: float = 0.0) -> FittedCurve:
    """The posterior of the curve on a grid.

    Its noise has three sources: that of the held-out rows, which all subsets share and groups make larger; the draw of each
    fold's subsets; and what the form of the curve leaves open, by the priors of slope and exponent.

    Args:
        subsets: Of two sizes or more.
        other: Errors of the model that is forecast, fitted to as many rows as the largest part, where that is another recipe; its
            error is taken instead, with the noise of its own rows and groups and of the draw of labels, and the slope is less
            certain. None where it is the one refitted.
        bias: By how much the choice among candidates made the error of the chosen one too small; gains are taken as they are.

    Returns:
        The curve.

    Reference: Viering & Loog, "The Shape of Learning Curves: a Review", IEEE TPAMI 2023, section 4.1 (POW3 and LOG2 are the cases
        g > 0 and g = 0); Hoiem et al., "Learning Curves for Analysis of Deep Networks", ICML 2021, section 3.
    Differs: a Box-Cox form joins both families; errors of all subsets on the same rows are correlated, and priors take the place
        of a fixed exponent.
    """
    measured = subsets.wrong.mean(axis=1)
    num_rows, reference = subsets.wrong.shape[1], float(subsets.sizes[-1])
    draws = _subset_variances(subsets, measured)
    covariance = _covariance(subsets.wrong, subsets.groups) + np.diag(draws)
    last = max(float(measured[-1]), 0.5 / num_rows)
    std = max(float(np.sqrt(covariance[-1, -1])), 0.7 / num_rows)
    errors = np.clip(last + std * LEVELS, 0.25 / num_rows, 1.0)
    grid = [axis.ravel() for axis in np.meshgrid(errors, SLOPES, EXPONENTS, indexing="ij")]
    expected = np.stack([error_at(float(size) / reference, *grid) for size in subsets.sizes])
    scaled = np.linalg.solve(np.linalg.cholesky(covariance), expected - measured[:, None])
    priors = ((grid[1] - SLOPE_MEAN) / SLOPE_STD) ** 2 + ((grid[2] - EXPONENT_MEAN) / EXPONENT_STD) ** 2
    likelihood = -0.5 * ((scaled**2).sum(axis=0) + priors)
    weights = np.exp(likelihood - likelihood.max())
    likely = weights > MOST_UNLIKELY
    errors, slopes, exponents = (axis[likely] for axis in grid)
    curve = FittedCurve(reference, errors, slopes, exponents, weights[likely] / weights[likely].sum())
    wrong, groups = (subsets.wrong[-1], subsets.groups) if other is None else (other.wrong, other.groups)
    curve = curve if other is None else _scaled(curve, other, float(draws[-1]) / last**2)
    return replace(curve, bias=bias, level_std=_level_std(wrong, groups))


def _level_std(wrong: Booleans, groups: Integers) -> float:
    """The standard deviation by which intervals of out-of-fold numbers are wider than those of a test, from bool [row]."""
    wider = widening_of(len(np.unique(groups)))
    return float(np.sqrt(max(0.0, wider**2 - 1) * _covariance(wrong[None], groups)[0, 0]))


def _scaled(curve: FittedCurve, other: OtherErrors, draw: float) -> FittedCurve:
    """The curve of another recipe, with these errors at as many rows; `draw` is their relative variance over labels."""
    num = len(other.wrong)
    error = max(float(other.wrong.mean()), 0.5 / num)
    variance = float(_covariance(other.wrong[None], other.groups)[0, 0]) + draw * error**2
    levels = np.clip(error + max(variance**0.5, 0.7 / num) * LEVELS, 0.25 / num, 1.0)
    by_shape: dict[tuple[float, float], float] = {}
    for slope, exponent, weight in zip(curve.slopes.tolist(), curve.exponents.tolist(), curve.weights.tolist(), strict=True):
        by_shape[slope, exponent] = by_shape.get((slope, exponent), 0.0) + weight
    shapes, shares = np.array(list(by_shape)), np.array(list(by_shape.values()))
    place, level, steeper = (
        axis.ravel() for axis in np.meshgrid(np.arange(len(shapes)), np.arange(len(levels)), NOISE, indexing="ij")
    )
    weights = shares[place] * np.exp(-0.5 * LEVELS[level] ** 2)
    slopes = shapes[place, 0] * np.exp(SCALED_STD * steeper)
    return FittedCurve(curve.reference, levels[level], slopes, shapes[place, 1], weights / weights.sum())


def _covariance(wrong: Booleans, groups: Integers) -> Floats:
    """Covariance of the mean errors, float64 [part, part], by the rows that they share, groups whole."""
    centered = wrong - wrong.mean(axis=1, keepdims=True)
    numbered = np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(numbered, row) for row in centered])
    return np.asarray(sums @ sums.T / wrong.shape[1] ** 2 + np.eye(len(sums)) * SMALLEST_STD**2)


def _subset_variances(subsets: SubsetErrors, measured: Floats) -> Floats:
    """Variance of the mean errors over draws of the subsets, float64 [part]; it falls with the root of their size."""
    sizes, last = subsets.sizes, float(measured[-1])
    doubling = (float(measured[0]) - last) / np.log2(sizes[-1] / sizes[0])
    doubling = max(doubling, 0.02 * last + 0.25 / subsets.wrong.shape[1])
    stds = SUBSET_STD * doubling * np.sqrt(sizes[-1] / sizes)
    return np.asarray(stds**2 / len(np.unique(subsets.folds)))
