"""The level of a test where many candidates are compared on the same held-out rows."""

from __future__ import annotations

from scipy.special import ndtri

from headstart.evaluation.compare import Paired
from headstart.planning.results import Comparison

ERROR = 0.05
"""The chance of keeping anything where nothing is better."""
WIDTH = 2 * float(ndtri(0.975))
"""Standard errors in a 95 % interval."""


def level_of_best(num_compared: int) -> float:
    """The level at which the best of so many is tested against what stands: an equal share of 5 % (Bonferroni's inequality)."""
    return ERROR / max(num_compared, 1)


def level_of_nth(number: int) -> float:
    """The level at which the n-th change of a sequence of unknown length is tested: 5 % / (n (n + 1)), n counted from 1.

    All together stay below 5 %, however many come.

    Reference: Foster & Stine, "Alpha-investing", JRSS B 2008, section 2 (alpha spending over an open-ended row of tests).
    """
    return ERROR / (number * (number + 1))


def significant_at(comparison: Comparison | Paired, level: float) -> bool:
    """Whether the first side's log loss is lower at that one-sided level in (0, 0.5), and at 5 % by the bootstrap itself.

    Few bootstrap draws lie beyond small levels, so that the bound there is a normal one; its standard error is that of the
    bootstrap's 95 % interval.
    """
    gain = comparison.log_loss_gain
    return comparison.significant and gain.value > float(-ndtri(level)) * (gain.high - gain.low) / WIDTH
