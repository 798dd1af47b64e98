"""From out-of-fold predictions to a verdict: pure functions, so that the rule can be tested by simulation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.evaluation.compare import compare
from headstart.planning.results import Comparison, Verdict

SMALLEST_GAIN = 0.01
"""A difference in accuracy that is worth a costlier model: one point. A convention, not a measurement; where fewer held-out
images are wrong, no costlier candidate is tried."""
ONE_SIDED_95 = 1.645
"""Standard errors of a one-sided 95 % bound."""
FOLD_NOISE = 1.24
"""Held-out rows do not show how much models differ that were fitted to other draws of the folds: the gain of a model over itself,
on two draws, has a standard deviation of so many of its standard errors (ridge on raw pixels of digits, 20 a class, 200
repetitions; `python -m benchmarks.honesty`)."""
VERDICT_ERRORS = 1.96 * FOLD_NOISE
"""Standard errors by which a side has to be ahead. With 1.645, one model under two names had a winner in 13 % of these
repetitions, and in 5 % with the next larger bound that was tried, 2.33."""


class Side(NamedTuple):
    """A candidate's name with its out-of-fold predictions."""

    name: str
    predictions: Predictions


def compared(first: Side, second: Side, seed: int, balanced: bool = False) -> Comparison:
    """The two sides on the rows that both predicted; balanced lets every class count the same."""
    paired = compare(first.predictions, second.predictions, seed, balanced)
    return Comparison(better=first.name, worse=second.name, **paired.model_dump(exclude={"lower_bound"}))


def with_fold_noise(comparison: Comparison) -> Comparison:
    """The comparison as a verdict reads it: the interval of the log loss allows for the draw of the folds, and holds zero where
    that may be all.

    The widened interval is symmetric. Significant where its low end is above zero, which is `VERDICT_ERRORS` standard errors, as
    well.
    """
    gain = comparison.log_loss_gain
    half = FOLD_NOISE * (gain.high - gain.low) / 2
    wider = Estimate(value=gain.value, low=gain.value - half, high=gain.value + half)
    return comparison.model_copy(update={"log_loss_gain": wider, "significant": comparison.significant and wider.low > 0})


def wins(comparison: Comparison) -> bool:
    """Whether the first side is better beyond noise and by an amount that matters."""
    return comparison.significant and comparison.accuracy_gain.value >= SMALLEST_GAIN


def advantage(first: Side, second: Side) -> float:
    """By how many standard errors the first side's log loss is lower, on the rows that both predicted.

    Rows of one group count as one observation. Zero where the two do not differ anywhere.
    """
    gain, error = paired_gain(first, second)
    return gain / error if error > 0 else 0.0


def paired_gain(first: Side, second: Side) -> tuple[float, float]:
    """By how much the first side's log loss is lower, a mean over the rows that both predicted, and the standard error of that.

    Rows of one group count as one observation.
    """
    second_losses = dict(zip(second.predictions.names, second.predictions.log_losses.tolist(), strict=True))
    rows = [row for row, name in enumerate(first.predictions.names) if name in second_losses]
    own = first.predictions.take(np.array(rows, np.int64))
    differences = np.array([second_losses[name] for name in own.names]) - own.log_losses
    _, inverse = np.unique(own.groups, return_inverse=True)
    sums = np.bincount(inverse, weights=differences)
    return float(sums.sum()) / len(own), float(np.sqrt(np.sum((sums - sums.mean()) ** 2))) / len(own)


def verdict_of(best: Side, transfer: Side, without: Side, chance: Side, seed: int) -> tuple[Verdict, tuple[Comparison, ...]]:
    """Transfer, scratch or no difference, and the comparisons it rests on.

    A side wins when its log loss is lower beyond noise (see `with_fold_noise`; two-sided at 5 %, as either side may win), its
    accuracy is higher by at least a point, and it beats the class shares alone beyond noise. The last condition keeps noise
    labels from being called a success: there all candidates are at chance, and they differ only in how confident their wrong
    answers are.

    Args:
        best: The best with transferred knowledge; members of an ensemble may be without.
        transfer: The best of transferred knowledge alone, which scratch has to beat; `best` itself where that has none else.
        without: The best without transferred knowledge.
        chance: The class shares.
        seed: Of the bootstrap.

    Returns:
        The verdict; the first comparison is always the best with against the best without.
    """
    transfer_gain = with_fold_noise(compared(best, without, seed))
    if wins(transfer_gain):
        over_chance = with_fold_noise(compared(best, chance, seed))
        return ("transfer" if wins(over_chance) else "no difference"), (transfer_gain, over_chance)
    scratch_gain = with_fold_noise(compared(without, transfer, seed))
    if wins(scratch_gain):
        over_chance = with_fold_noise(compared(without, chance, seed))
        return ("scratch" if wins(over_chance) else "no difference"), (transfer_gain, scratch_gain, over_chance)
    return "no difference", (transfer_gain, with_fold_noise(compared(best, chance, seed)))
