"""Pairs of runs: the comparison, its verdict and its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli._printing import interval, plain, table
from headstart.core.errors import DataError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.core.predictions import Predictions


FEWEST_ROWS = 6
"""With fewer shared images no exact paired test can reach 5 %, and a bootstrap of one image has an interval without width."""


def compared(first: Path, second: Path, seed: int) -> dict[str, Any]:
    """The first run against the second, as plain JSON values.

    Args:
        first: A run's folder.
        second: Another's.
        seed: Of the bootstrap.

    Returns:
        The paired differences, with `run` and `verdict`: "better", "worse" or "no difference".

    Raises:
        DataError: A run has no predictions, or the two share no images.
    """
    from headstart.evaluation.compare import compare

    pair = compare(_predictions(first), _predictions(second), seed)
    low, high = pair.log_loss_gain.low, pair.log_loss_gain.high
    enough = pair.num_rows >= FEWEST_ROWS
    verdict = "better" if enough and low > 0 else "worse" if enough and high < 0 else "no difference"
    return {"run": str(second), "verdict": verdict, **pair.to_dict()}


def _predictions(folder: Path) -> Predictions:
    from headstart.runs import Run

    predictions = Run.load(folder).predictions
    if predictions is None:
        raise DataError(f"{folder} has no predictions to compare. `headstart evaluate {folder}` makes them.")
    return predictions


def pairs_view(run: str, pairs: Sequence[dict[str, Any]]) -> RenderableType:
    """One line a pair; gains are the first run's over the other."""
    rows = [
        (
            plain(pair["run"]),
            plain(pair["verdict"], "bold"),
            f"{pair['accuracy_gain']['value']:+.3f}",
            interval(pair["accuracy_gain"], "+"),
            f"{pair['log_loss_gain']['value']:+.3f}",
            f"{pair['p_value']:.3g}",
            str(pair["num_rows"]),
        )
        for pair in pairs
    ]
    columns = ("against", "verdict", "accuracy", "95 %", "log loss", "p", "images")
    return table(columns, rows, right=("accuracy", "log loss", "p", "images"), title=f"{run}, and its lead over other runs")
