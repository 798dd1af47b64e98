"""Labeled predictions: class counts, rows of classes and bootstrap draws, which several metrics share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.evaluation import ClassRow, Confusion
from headstart.core.predictions import Predictions
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import bootstrap, has_clusters, mean_of_proportions, percentile_interval, wilson

DRAWS = 1_000
"""Bootstrap draws of an interval. Its ends are then good to about a tenth of its width."""


@dataclass(frozen=True)
class ClassCounts:
    """Right predictions, images and predictions of each class; each float64 [draw, class]."""

    right: Floats
    support: Floats
    predicted: Floats

    @property
    def precision(self) -> Floats:
        """Share of a class's predictions that are right; 0 where it was never predicted."""
        return self.right / np.maximum(self.predicted, 1)

    @property
    def recall(self) -> Floats:
        """Share of a class's images that are found; 0 where it has none."""
        return self.right / np.maximum(self.support, 1)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; 0 where both are."""
        return 2 * self.right / np.maximum(self.support + self.predicted, 1)


@dataclass(frozen=True)
class LabeledPredictions:
    """Predictions whose labels are all known, with what several metrics need of them, computed once.

    Attributes:
        predictions: At least one row.
    """

    predictions: Predictions = field(repr=False)

    @cached_property
    def counts(self) -> ClassCounts:
        """Counts over all rows, float64 [1, class]."""
        return self.counts_of(np.ones((1, len(self.predictions))))

    @cached_property
    def drawn_counts(self) -> ClassCounts:
        """Counts of each bootstrap draw, float64 [draw, class]."""

        def stacked(weights: Floats) -> Floats:
            counts = self.counts_of(weights)
            return np.stack([counts.right, counts.support, counts.predicted], axis=1)

        drawn = self.bootstrap(stacked, "classes")
        return ClassCounts(drawn[:, 0], drawn[:, 1], drawn[:, 2])

    @cached_property
    def per_class(self) -> tuple[ClassRow, ...]:
        """One row a class, in label order: precision, recall and F1 with their intervals.

        F1 is 2 J / (1 + J) with J the right predictions over all rows that are of the class or predicted as it, a proportion; its
        interval is Wilson's interval of J, so transformed. Where groups have several rows all intervals are bootstrapped over
        groups; a share of 0 or 1, which no draw changes, has Wilson's interval with groups for rows.
        """
        return tuple(self._row(label, name) for label, name in enumerate(self.predictions.classes))

    @property
    def confusion(self) -> Confusion:
        """Number of images by true class and predicted class."""
        width = len(self.predictions.classes)
        cells = np.bincount(self.predictions.labels * width + self.predictions.predicted, minlength=width * width)
        rows = cells.reshape(width, width).tolist()
        return Confusion(classes=self.predictions.classes, counts=tuple(tuple(row) for row in rows))

    def macro_average(self, key: Literal["precision", "recall", "f1"]) -> Estimate:
        """The mean over the classes that have rows.

        Its interval holds both that of the bootstrap and the one recovered from the classes' own intervals: a bootstrap has no
        width where 20 of 20 rows are right.
        """
        rows = [row for row in self.per_class if row.support]
        present = [row.support > 0 for row in self.per_class]
        value = float(getattr(self.counts, key)[0, present].mean())
        sampled = percentile_interval(value, getattr(self.drawn_counts, key)[:, present].mean(axis=1))
        estimates = [Estimate(value=getattr(r, key), low=getattr(r, f"{key}_low"), high=getattr(r, f"{key}_high")) for r in rows]
        recovered = mean_of_proportions(estimates)
        return Estimate(value=value, low=min(sampled.low, recovered.low), high=max(sampled.high, recovered.high))

    def bootstrap(self, statistic: Callable[[Floats], Floats], purpose: str, *, within_labels: bool = True) -> Floats:
        """The statistic on every bootstrap draw of rows or, where groups have several rows, of groups.

        Args:
            statistic: Weights [draw, sample] to values [draw, ...].
            purpose: Names the random stream.
            within_labels: Whether rows are drawn within their label, so that each draw has the label counts of the data.

        Returns:
            float64 [draw, ...].
        """
        labels = self.predictions.labels if within_labels else None
        return bootstrap(statistic, self.predictions.groups, labels, DRAWS, generator_for(0, "intervals", purpose))

    def bootstrap_mean(self, values: Floats, purpose: str, *, within_labels: bool = True) -> Floats:
        """The mean of values [sample] on every bootstrap draw, float64 [draw]."""
        return self.bootstrap(lambda weights: weights @ values / weights.sum(axis=1), purpose, within_labels=within_labels)

    def _row(self, label: int, name: str) -> ClassRow:
        counts = self.counts
        right, support, predicted = (float(part[0, label]) for part in (counts.right, counts.support, counts.predicted))
        union = _proportion(right, support + predicted - right)
        ends = {
            "precision": _proportion(right, predicted),
            "recall": _proportion(right, support),
            "f1": _f1_of(union),
        }
        if has_clusters(self.predictions.groups):
            ends = {key: self._over_groups(label, key, end) for key, end in ends.items()}
        values = {key: end.value for key, end in ends.items()}
        lows = {f"{key}_low": end.low for key, end in ends.items()}
        highs = {f"{key}_high": end.high for key, end in ends.items()}
        return ClassRow.model_validate({"class": name, "support": round(support), **values, **lows, **highs})

    def _over_groups(self, label: int, key: str, plain: Estimate) -> Estimate:
        """A number of a class with its interval, by a bootstrap over groups; Wilson's where no draw would change it."""
        true, predicted = self.predictions.labels == label, self.predictions.predicted == label
        rows = {"precision": predicted, "recall": true, "f1": true | predicted}[key]
        num_groups = len(np.unique(self.predictions.groups[rows]))
        if not num_groups:
            return plain
        if plain.value not in (0.0, 1.0):
            return percentile_interval(plain.value, getattr(self.drawn_counts, key)[:, label])
        share = wilson(plain.value * num_groups, num_groups)
        return _f1_of(share) if key == "f1" else share

    def counts_of(self, weights: Floats) -> ClassCounts:
        """Counts where rows count as often as each line of weights [draw, sample] says, float64 [draw, class]."""
        labels, predicted = self.predictions.labels, self.predictions.predicted
        width, hits = len(self.predictions.classes), np.flatnonzero(self.predictions.correct)
        return ClassCounts(
            _sums(weights[:, hits], labels[hits], width), _sums(weights, labels, width), _sums(weights, predicted, width)
        )


def _sums(weights: Floats, keys: Integers, width: int) -> Floats:
    """Weights summed by key, float64 [draw, width]."""
    order = np.argsort(keys, kind="stable")
    present, starts = np.unique(keys[order], return_index=True)
    sums = np.zeros((len(weights), width))
    if len(present):
        sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _f1_of(union: Estimate) -> Estimate:
    """F1 of the share of right predictions among the rows that are of a class or predicted as it."""
    return Estimate(**{end: 2 * share / (1 + share) for end, share in union.to_dict().items()})


def _proportion(successes: float, total: float) -> Estimate:
    return wilson(successes, total) if total else Estimate(value=0.0, low=0.0, high=1.0)
