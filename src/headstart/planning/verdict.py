"""From out-of-fold predictions to a verdict: pure functions, so that the rule can be tested by simulation."""

from __future__ import annotations

from typing import NamedTuple

from headstart.core.predictions import Predictions
from headstart.evaluation.compare import compare
from headstart.planning.decision import Comparison, Verdict

SMALLEST_GAIN = 0.01
"""A difference in accuracy that is worth a costlier model: one point."""


class Side(NamedTuple):
    """A rung's name with its out-of-fold predictions."""

    name: str
    predictions: Predictions


def compared(first: Side, second: Side, seed: int) -> Comparison:
    """The two sides on the rows that both were judged on."""
    paired = compare(first.predictions, second.predictions, seed)
    return Comparison(
        better=first.name,
        worse=second.name,
        accuracy_gain=paired.accuracy_gain,
        log_loss_gain=paired.log_loss_gain,
        p_value=paired.p_value,
        significant=paired.significant,
        num_rows=paired.num_rows,
    )


def wins(comparison: Comparison) -> bool:
    """Whether the first side is better beyond noise and by an amount that matters."""
    return comparison.significant and comparison.accuracy_gain.value >= SMALLEST_GAIN


def verdict_of(transfer: Side, without: Side, chance: Side, seed: int) -> tuple[Verdict, tuple[Comparison, ...]]:
    """Transfer, scratch or no difference.

    A side wins when its log loss is lower beyond noise (one-sided 95 % bound of the paired bootstrap), its accuracy is higher
    by at least a point, and it beats the class shares alone beyond noise. The last condition keeps noise labels from being
    called a success: there all candidates are at chance, and they differ only in how boldly they are wrong.

    Args:
        transfer: The best candidate that transfers.
        without: The best candidate that does not.
        chance: The class shares.
        seed: Of the bootstrap.

    Returns:
        The verdict and the comparisons it rests on; the first is always transfer against without.
    """
    forth = compared(transfer, without, seed)
    if wins(forth):
        floor = compared(transfer, chance, seed)
        return ("transfer" if wins(floor) else "no difference"), (forth, floor)
    back = compared(without, transfer, seed)
    if wins(back):
        floor = compared(without, chance, seed)
        return ("scratch" if wins(floor) else "no difference"), (forth, back, floor)
    return "no difference", (forth, compared(transfer, chance, seed))
