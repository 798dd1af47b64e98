"""Comparison: one run against another, with a verdict."""

from __future__ import annotations

from typing import Literal

from headstart.core.records import Record
from headstart.core.shown import Shown
from headstart.evaluation.compare import Paired


class RunComparison(Record):
    """The first of two runs against the second.

    Attributes:
        run: The second run's folder.
        verdict: Whether the first run is better; by the 95 % interval of the log-loss gain.
        paired: The differences.
    """

    run: str
    verdict: Literal["better", "worse", "no difference"]
    paired: Paired


class RunComparisons(Shown, list[RunComparison]):
    """A run against each of several others."""
