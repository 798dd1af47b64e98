"""Intervals: Wilson, bootstrap over weights, and recovery for averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import ndtri

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.types import Floats, Integers

BLOCK_NUMBERS = 2_000_000
"""Weights held in memory at once; larger blocks are not faster."""


def wilson(successes: float, total: float, level: float = 0.95) -> Estimate:
    """A proportion with its score interval, which stays inside [0, 1] and has width even when every trial succeeded.

    A DataError says that there is no trial.

    Reference: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if total <= 0:
        raise DataError(f"An interval of a proportion needs at least one image, and there are {total}. Add labeled images.")
    z = float(ndtri(0.5 + level / 2))
    share = successes / total
    center = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Estimate(value=share, low=min(share, max(0.0, center - half)), high=max(share, min(1.0, center + half)))


def paired_difference(both: float, first_only: float, second_only: float, neither: float) -> Estimate:
    """The difference of two proportions of the same trials, with a 95 % interval that has width even when no trial differs.

    The arguments count trials in which both succeeded, only the first, only the second, and neither. A DataError says that
    there is no trial.

    Reference: Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data",
        Statistics in Medicine 1998, method 10.
    """
    total = both + first_only + second_only + neither
    first, second = wilson(both + first_only, total), wilson(both + second_only, total)
    product = both * neither - first_only * second_only
    margins = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    correlation = (max(product - total / 2, 0.0) if product > 0 else product) / math.sqrt(margins) if margins else 0.0

    def distance(one: float, other: float) -> float:
        return math.sqrt(one * one - 2 * correlation * one * other + other * other)

    value = (first_only - second_only) / total
    below = distance(first.value - first.low, second.high - second.value)
    above = distance(second.value - second.low, first.high - first.value)
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def mean_of_proportions(proportions: list[Estimate]) -> Estimate:
    """The plain mean of independent proportions, one or more, with an interval recovered from theirs.

    Unlike a bootstrap it keeps its width when every proportion is 0 or 1.

    Reference: Zou & Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 2008, eq. 3.
    """
    value, low, high = (np.array([getattr(one, end) for one in proportions]) for end in ("value", "low", "high"))
    mean = float(value.mean())
    below = math.sqrt(float(((value - low) ** 2).sum())) / len(proportions)
    above = math.sqrt(float(((high - value) ** 2).sum())) / len(proportions)
    return Estimate(value=mean, low=max(0.0, mean - below), high=min(1.0, mean + above))


def has_clusters(groups: Integers) -> bool:
    """Whether some group has more than one row."""
    return len(np.unique(groups)) < len(groups)


def strata_of(labels: Integers) -> list[Integers]:
    """The row indices of each label; labels with a single row are pooled, as one row alone cannot vary."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    single = [rows for rows in members if len(rows) == 1]
    return [rows for rows in members if len(rows) > 1] + ([np.concatenate(single)] if single else [])


def bootstrap_weights(groups: Integers, labels: Integers | None, draws: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Blocks of resampling weights, float64 [draw, sample]: how often each row is in each draw; see `bootstrap`."""
    if has_clusters(groups):
        _, unit = np.unique(groups, return_inverse=True)
        strata = [np.arange(int(unit.max()) + 1)]
    else:
        unit, strata = None, [np.arange(len(groups))] if labels is None else strata_of(labels)
    num_units = sum(map(len, strata))
    size = max(1, BLOCK_NUMBERS // len(groups))
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        counts = np.empty((rows, num_units))
        offsets = np.arange(rows)[:, None]
        for members in strata:
            picks = generator.integers(0, len(members), size=(rows, len(members))) + offsets * len(members)
            counts[:, members] = np.bincount(picks.ravel(), minlength=rows * len(members)).reshape(rows, -1)
        yield counts if unit is None else counts[:, unit]


def bootstrap(
    statistic: Callable[[Floats], Floats], groups: Integers, labels: Integers | None, draws: int, generator: np.random.Generator
) -> Floats:
    """The statistic on every draw.

    Args:
        statistic: Weights [draw, sample] to values [draw, ...]; it must be a function of weighted sums.
        groups: int64 [sample]; rows of one group are resampled together.
        labels: int64 [sample]; where every row is its own group, rows are resampled within their label, so that each draw has the
            label counts of the data. None where the share of each label is itself random.
        draws: Number of draws.
        generator: Source of randomness.

    Returns:
        float64 [draw, ...].

    Reference: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13.
    """
    return np.concatenate([statistic(weights) for weights in bootstrap_weights(groups, labels, draws, generator)])


def percentile_interval(value: float, draws: Floats, level: float = 0.95) -> Estimate:
    """A value with the percentile interval of its bootstrap draws (nan where it is not defined), widened to hold the value."""
    low, high = np.nanquantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)))
