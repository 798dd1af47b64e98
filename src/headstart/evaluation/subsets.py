"""Subsets: the accuracy on the images of each domain and of each given group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from headstart.core.estimate import Estimate
from headstart.core.evaluation import SubsetRow
from headstart.core.predictions import Predictions
from headstart.data.class_names import natural_order
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.accuracy import Accuracy

FEWEST_IN_GROUP = 10
"""Images from which on a group has a row of its own: the interval of half of ten images right is 53 points wide."""


def accuracy_by_domain(predictions: Predictions) -> tuple[SubsetRow, ...]:
    """The accuracy on each domain, in natural order of their names; none where fewer than two are named. All rows are labeled."""
    return _rows(predictions, predictions.domains, 1)


def accuracy_by_group(predictions: Predictions) -> tuple[SubsetRow, ...]:
    """As `accuracy_by_domain`, on each given group of `FEWEST_IN_GROUP` images or more."""
    return _rows(predictions, predictions.given_groups, FEWEST_IN_GROUP)


def mean_over(rows: Sequence[SubsetRow]) -> Estimate | None:
    """The mean of the accuracies, each row counted alike, with its interval; None of none.

    It is an interval for the mean of domains like these, and wide for two or three, as these tell little about others. Half of it
    is the root of the sum of two squares: half of Student's interval over rows, and the mean of half the rows' own intervals over
    the root of their number, as rows that happen to agree are measured no better than their images allow.

    >>> one, other = (SubsetRow(name=str(x), num_images=9, accuracy=Estimate(value=x, low=x, high=x)) for x in (0.6, 0.8))
    >>> print(mean_over([one, other, one]))
    0.667 [0.380, 0.954]
    >>> unsure = SubsetRow(name="unsure", num_images=9, accuracy=Estimate(value=0.6, low=0.3, high=0.9))
    >>> print(mean_over([unsure] * 4))
    0.600 [0.450, 0.750]
    """
    if not rows:
        return None
    values = np.array([row.accuracy.value for row in rows])
    mean, count = float(values.mean()), len(values)
    between = float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / np.sqrt(count)) if count > 1 else 1.0
    within = float(np.mean([(row.accuracy.high - row.accuracy.low) / 2 for row in rows]) / np.sqrt(count))
    half = float(np.hypot(between, within))
    return Estimate(value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half))


def _rows(predictions: Predictions, names: tuple[str, ...], fewest: int) -> tuple[SubsetRow, ...]:
    by_row = np.array(names, dtype=object)
    counts = dict(zip(*np.unique(by_row, return_counts=True), strict=True)) if names else {}
    shown = natural_order({name for name, count in counts.items() if name and count >= fewest})
    if len(shown) < 2:
        return ()
    return tuple(row_of(name, predictions.take(np.flatnonzero(by_row == name))) for name in shown)


def row_of(name: str, predictions: Predictions) -> SubsetRow:
    """The row of some labeled images. Groups that were given inside of it are resampled whole."""
    groups = np.arange(len(predictions))
    inside = predictions.given_groups
    if len(set(inside)) > 1:
        named = np.unique(inside, return_inverse=True)[1] + len(groups)
        groups = np.where(np.array([bool(one) for one in inside]), named, groups)
    accuracy = Accuracy().estimate(LabeledPredictions(replace(predictions, groups=groups)))
    return SubsetRow(name=name, num_images=len(predictions), accuracy=accuracy)
