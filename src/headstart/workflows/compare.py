"""Compare: paired differences between runs, with a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from headstart.core.arguments import checked
from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.evaluation.compare import compare as compare_predictions
from headstart.evaluation.run_comparison import RunComparison, RunComparisons
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun

FEWEST_ROWS = 6
"""With fewer shared images no exact paired test can reach 5 %, and a bootstrap of one image has an interval without width."""


@checked
def compare(run: AnyRun, *others: AnyRun, seed: int = 0) -> RunComparisons:
    """A run against each of the others, on the evaluated images that both saw; the seed is that of the bootstrap."""
    if not others:
        raise PlanError("There is one run only, and nothing to compare it with. Name another one.")
    first = _predictions(run)
    return RunComparisons(_compared(first, other, seed) for other in others)


def _compared(first: Predictions, other: Run | str | Path, seed: int) -> RunComparison:
    second = Run.load(other)
    paired = compare_predictions(first, _predictions(second), seed)
    low, high = paired.log_loss_gain.low, paired.log_loss_gain.high
    enough = paired.num_rows >= FEWEST_ROWS
    verdict: Literal["better", "worse", "no difference"] = "no difference"
    if enough and (low > 0 or high < 0):
        verdict = "better" if low > 0 else "worse"
    return RunComparison(run=str(second.folder), verdict=verdict, paired=paired)


def _predictions(run: Run | str | Path) -> Predictions:
    loaded = Run.load(run)
    if loaded.predictions is None:
        raise DataError(
            f"{loaded.folder} has no predictions to compare: no labeled image could be held out. Add labels and fit again."
        )
    return loaded.predictions
