"""Comparison: one run against another, with a verdict."""

from __future__ import annotations

from typing import Literal

from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.shown import Shown
from headstart.evaluation.compare import Paired


class RunOutcome(Record):
    """What a run found by itself.

    Attributes:
        verdict: That of the run; None where nothing was decided.
        sentence: The sentence to quote with it; empty where nothing was decided.
        estimated_accuracy: Of a run that adapted, estimated without target labels; None for others.
        estimate: How it was estimated, as a sentence; empty where it was not.
    """

    verdict: str | None = None
    sentence: str = ""
    estimated_accuracy: Estimate | None = None
    estimate: str = ""


class RunComparison(Record):
    """The first of two runs against the second.

    Attributes:
        run: The second run's folder.
        verdict: Whether the first run is better, by the 95 % interval of the log-loss gain; "not judged" where the runs share no
            labeled image.
        paired: The differences; None where the runs share no labeled image.
        most_gain: Where the runs share unlabeled images alone, the share of these that get different classes: accuracies on them
            cannot differ by more. None elsewhere.
        outcomes: What the first and the second run found by themselves.
        repeated: Whether one run repeats the other: every file has the same bytes, but for measured times and memory.
    """

    run: str
    verdict: Literal["better", "worse", "no difference", "not judged"]
    paired: Paired | None
    most_gain: float | None = None
    outcomes: tuple[RunOutcome, RunOutcome] = (RunOutcome(), RunOutcome())
    repeated: bool = False


class RunComparisons(Shown, list[RunComparison]):
    """A run against each of several others."""
