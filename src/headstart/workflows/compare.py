"""Compare: paired differences between runs, with a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.core.records import Record
from headstart.evaluation.compare import Paired
from headstart.evaluation.compare import compare as compare_predictions
from headstart.runs.run import Run

FEWEST_ROWS = 6
"""With fewer shared images no exact paired test can reach 5 %, and a bootstrap of one image has an interval without width."""


class Comparison(Record):
    """The first of two runs against the second.

    Attributes:
        run: The second run's folder.
        verdict: Whether the first run is better; by the 95 % interval of the log-loss gain.
        paired: The differences.
    """

    run: str
    verdict: Literal["better", "worse", "no difference"]
    paired: Paired


def compare(run: Run | str | Path, *others: Run | str | Path, seed: int = 0) -> list[Comparison]:
    """A run against each of the others, on the evaluated images that both saw; the seed is that of the bootstrap."""
    first = _predictions(run)
    return [_compared(first, other, seed) for other in others]


def _compared(first: Predictions, other: Run | str | Path, seed: int) -> Comparison:
    second = Run.load(other)
    paired = compare_predictions(first, _predictions(second), seed)
    low, high = paired.log_loss_gain.low, paired.log_loss_gain.high
    enough = paired.num_rows >= FEWEST_ROWS
    verdict: Literal["better", "worse", "no difference"] = "no difference"
    if enough and (low > 0 or high < 0):
        verdict = "better" if low > 0 else "worse"
    return Comparison(run=str(second.folder), verdict=verdict, paired=paired)


def _predictions(run: Run | str | Path) -> Predictions:
    loaded = Run.load(run)
    if loaded.predictions is None:
        raise DataError(
            f"{loaded.folder} has no predictions to compare: no labeled image could be held out. Add labels and fit again."
        )
    return loaded.predictions
