"""Calibration: whether predictions with a probability of 0.8 are right eight times in ten."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr

from headstart.core.estimate import Estimate
from headstart.core.evaluation import ReliabilityBin
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import bootstrap

NUM_BINS = 15
ROWS_PER_BIN = 10
"""Below 150 rows there are fewer bins, so that each has ten rows or more."""


@dataclass(frozen=True)
class Binned:
    """Rows sorted into bins of like confidence and about equal size; rows of equal confidence share a bin.

    Attributes:
        confidence: float64 [sample], rows in bin order.
        correct: float64 [sample], 1.0 where the prediction is right, rows in bin order.
        order: int64 [sample]: the original index of each row.
        starts: int64 [bin]: the first row of each bin.
    """

    confidence: Floats = field(repr=False)
    correct: Floats = field(repr=False)
    order: Integers = field(repr=False)
    starts: Integers

    @classmethod
    def of(cls, probs: Floats, labels: Integers) -> Binned:
        """At most 15 bins of predictions [sample, class] with labels [sample]."""
        confidence = probs.max(axis=1)
        correct = (probs.argmax(axis=1) == labels).astype(np.float64)
        bins = max(1, min(NUM_BINS, len(labels) // ROWS_PER_BIN))
        edges = np.unique(np.quantile(confidence, np.arange(1, bins) / bins))
        where = np.searchsorted(edges, confidence, side="right")
        order = np.argsort(where, kind="stable")
        starts = np.flatnonzero(np.diff(where[order], prepend=-1))
        return cls(confidence[order], correct[order], order, starts)

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Weighted count, sum of confidence and sum of right predictions, each [draw, bin], of weights [draw, sample]."""
        sorted_weights = weights[:, self.order]
        weighted = (sorted_weights, sorted_weights * self.confidence, sorted_weights * self.correct)
        count, confidence, correct = (np.add.reduceat(part, self.starts, axis=1) for part in weighted)
        return count, confidence, correct


def reliability(probs: Floats, labels: Integers) -> tuple[ReliabilityBin, ...]:
    """The bins of a reliability plot, least confident first: at most 15, of about equal size."""
    sums = Binned.of(probs, labels).sums(np.ones((1, len(labels))))
    return tuple(
        ReliabilityBin(count=round(count), confidence=confidence / count, accuracy=correct / count)
        for count, confidence, correct in zip(*(part[0].tolist() for part in sums), strict=True)
    )


def calibration_error(probs: Floats, labels: Integers, groups: Integers, draws: int, generator: np.random.Generator) -> Estimate:
    """Expected calibration error of the most probable class: mean absolute gap of confidence and accuracy, less its own bias.

    The plain estimate is positive for a perfectly calibrated model too, as each bin's accuracy is noisy. The expected
    contribution of that noise is subtracted: all of it for large gaps, about two fifths where there is no gap. The interval is
    the basic
    bootstrap: draws are compared with the plain estimate, which is what they estimate.

    Args:
        probs: float64 [sample, class].
        labels: int64 [sample].
        groups: int64 [sample]; rows of one group are resampled together.
        draws: Number of bootstrap draws.
        generator: Source of randomness.

    Returns:
        The error in [0, 1] with its interval.

    Reference: Kumar, Liang & Ma, "Verified uncertainty calibration", NeurIPS 2019, section 5 (debiased estimator).
    Differs: for the absolute gap, with the normal expectation in closed form instead of sampled; cut off at zero.
    """
    binned = Binned.of(probs, labels)
    ones = np.ones((1, len(labels)))
    plain, value = float(_plain(binned, ones)[0]), float(_debiased(binned, ones)[0])
    errors = bootstrap(lambda weights: _debiased(binned, weights), groups, None, draws, generator) - plain
    low, high = value - np.quantile(errors, 0.975), value - np.quantile(errors, 0.025)
    clipped = min(1.0, max(0.0, value))
    return Estimate(value=clipped, low=min(clipped, max(0.0, float(low))), high=max(clipped, min(1.0, float(high))))


def calibration_errors(probs: Floats, labels: Integers, weights: Floats) -> Floats:
    """The same error, without its interval, where rows count as often as each line of weights [draw, sample] says [draw]."""
    return _debiased(Binned.of(probs, labels), weights)


def _plain(binned: Binned, weights: Floats) -> Floats:
    count, confidence, correct = binned.sums(weights)
    return np.asarray(np.abs(confidence - correct).sum(axis=1) / count.sum(axis=1))


def _debiased(binned: Binned, weights: Floats) -> Floats:
    count, confidence, correct = binned.sums(weights)
    size = np.maximum(count, 1e-12)
    gap, accuracy = np.abs(confidence - correct) / size, correct / size
    deviation = np.maximum(np.sqrt(np.maximum(accuracy * (1 - accuracy), 0) / size), 1e-12)
    folded = deviation * math.sqrt(2 / math.pi) * np.exp(-((gap / deviation) ** 2) / 2) + gap * (2 * ndtr(gap / deviation) - 1)
    return np.asarray((count * (2 * gap - folded)).sum(axis=1) / count.sum(axis=1))
