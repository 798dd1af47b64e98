"""Compare: two models on the same images."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, stdtrit

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.evaluation.intervals import bootstrap, has_clusters, paired_difference, percentile_interval, strata_of

DRAWS = 10_000
"""Draws of the paired bootstrap; the one-sided bound is then good to about a hundredth of the standard error."""


class Paired(Record):
    """The first of two models against the second, on the rows that both predicted.

    Attributes:
        accuracy_gain: Accuracy of the first minus that of the second.
        log_loss_gain: Log loss of the second minus that of the first; positive speaks for the first.
        lower_bound: One-sided 95 % lower bound of the log-loss gain.
        p_value: Exact McNemar test of equal accuracy, two-sided.
        significant: Whether `lower_bound` is above zero.
        num_rows: Shared rows with a known label.
    """

    accuracy_gain: Estimate
    log_loss_gain: Estimate
    lower_bound: float
    p_value: float
    significant: bool
    num_rows: int


def compare(first: Predictions, second: Predictions, seed: int, balanced: bool = False) -> Paired:
    """The first model against the second, by a paired bootstrap of per-row losses.

    Rows are matched by name. Groups are resampled together; where every row is its own group, rows are resampled within their
    label. Deviations are scaled up for small samples, whose bootstrap intervals are too short.

    Args:
        first: Predictions of the first model.
        second: Predictions of the second model.
        seed: Seed of the bootstrap.
        balanced: Let every class count the same, so that gains are those of balanced accuracy and of the mean log loss of
            classes; the p-value stays that of single rows.

    Returns:
        Gains with 95 % intervals, the one-sided bound and the exact p-value.

    Raises:
        DataError: The two know different classes, share no labeled row, or disagree about a row's label.
    """
    first, second = _matched(first, second)
    shares = _class_weights(first.labels) if balanced else np.ones(len(first))
    right = first.correct - second.correct
    accuracy, loss = right * shares, (second.log_losses - first.log_losses) * shares
    gains = np.stack([_scaled_deviations(values, first) for values in (accuracy, loss)], axis=1)
    draws = bootstrap(
        lambda weights: weights @ gains / weights.sum(axis=1, keepdims=True),
        first.groups,
        first.labels,
        DRAWS,
        generator_for(seed, "compare"),
    )
    lower = _lower_bound(float(loss.mean()), draws[:, 1]) if len(np.unique(first.groups)) > 1 else -np.inf
    return Paired(
        accuracy_gain=_with_positive_width(percentile_interval(float(accuracy.mean()), draws[:, 0]), first, second),
        log_loss_gain=percentile_interval(float(loss.mean()), draws[:, 1]),
        lower_bound=lower,
        p_value=mcnemar(int((right > 0).sum()), int((right < 0).sum())),
        significant=lower > 0,
        num_rows=len(first),
    )


def share_of_differing(first: Predictions, second: Predictions) -> float:
    """The share of shared rows, labeled or not, to which two models give different classes.

    The accuracies of the two on these rows cannot differ by more. `DataError` if the two know different classes or share no row.
    """
    rows = _shared_rows(first, second)
    if not len(rows):
        raise DataError(f"The two models share none of their {len(first)} and {len(second)} images. Predict the same images.")
    return float((first.predicted[rows[:, 0]] != second.predicted[rows[:, 1]]).mean())


def _with_positive_width(gain: Estimate, first: Predictions, second: Predictions) -> Estimate:
    """The gain; its interval is a score interval where all draws are equal though the models differ.

    This happens with few rows: where the models differ on all rows of a class, or on none.
    """
    if gain.low < gain.high or np.array_equal(first.log_losses, second.log_losses):
        return gain
    counts = np.bincount((2 * first.correct + second.correct).astype(np.int64), minlength=4)
    neither, second_only, first_only, both = counts * len(np.unique(first.groups)) / len(first)
    wide = paired_difference(both, first_only, second_only, neither)
    low, high = (gain.value + end - wide.value for end in (wide.low, wide.high))
    return Estimate(value=gain.value, low=max(-1.0, low), high=min(1.0, high))


def _class_weights(labels: Integers) -> Floats:
    """Weights with mean 1 that give every class the same total, float64 [sample]."""
    counts = np.bincount(labels)
    return np.asarray(len(labels) / ((counts > 0).sum() * counts[labels]))


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p-value of equal accuracy, from the numbers of rows that only one of the models predicts right.

    Reference: McNemar, Psychometrika 1947; the binomial tail instead of the chi-square approximation.

    >>> round(mcnemar(3, 12), 6)
    0.035156
    """
    from scipy.stats import binomtest  # noqa: PLC0415  takes half a second

    return float(binomtest(first_only, first_only + second_only).pvalue) if first_only + second_only else 1.0


def _matched(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    rows = _shared_rows(first, second)
    index = rows[first.labels[rows[:, 0]] != UNLABELED]
    if not len(index):
        raise DataError(
            f"The two models share none of their {len(first)} and {len(second)} labeled images. Evaluate both on one set."
        )
    one, two = first.take(index[:, 0]), second.take(index[:, 1])
    differ = np.flatnonzero(one.labels != two.labels)
    if len(differ):
        row = int(differ[0])
        labels = [first.classes[one.labels[row]], "no label" if two.labels[row] < 0 else first.classes[two.labels[row]]]
        raise DataError(f"{one.names[row]} is labeled {labels[0]} in one and {labels[1]} in the other. Evaluate both on one set.")
    return one, two


def _shared_rows(first: Predictions, second: Predictions) -> Integers:
    """Places of shared rows in both, int64 [row, 2]; `DataError` if the two know different classes."""
    if first.classes != second.classes:
        only = sorted(set(first.classes) ^ set(second.classes)) or ["the same classes in another order"]
        raise DataError(f"The two models know different classes ({', '.join(only[:5])}). Compare models of one task.")
    where = {name: row for row, name in enumerate(second.names)}
    shared = [(row, where[name]) for row, name in enumerate(first.names) if name in where]
    return np.array(shared, np.int64).reshape(-1, 2)


def _lower_bound(value: float, draws: Floats) -> float:
    """The lower of the percentile and the normal bound: each alone is too high a little too often for skewed or few losses."""
    return min(float(np.quantile(draws, 0.05)), value + float(ndtri(0.05) * draws.std()))


def _scaled_deviations(values: Floats, rows: Predictions) -> Floats:
    """The values with their deviations from the mean of each resampled part scaled up for small samples; the means stay.

    sqrt(n / (n - 1)) makes the bootstrap's variance unbiased. The ratio of Student's to the normal quantile accounts for the
    variance being estimated.
    """
    num_units = len(np.unique(rows.groups))
    strata = [np.arange(len(values))] if has_clusters(rows.groups) else strata_of(rows.labels)
    counts = [num_units] if has_clusters(rows.groups) else [len(part) for part in strata]
    student = stdtrit(max(num_units - len(strata), 1), 0.975) / ndtri(0.975)
    scaled = np.array(values, np.float64)
    for part, count in zip(strata, counts, strict=True):
        mean = scaled[part].mean()
        scaled[part] = mean + (scaled[part] - mean) * np.sqrt(count / max(count - 1, 1)) * student
    return scaled
