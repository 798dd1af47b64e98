"""`headstart compare`: paired differences between runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, interval, said, table

if TYPE_CHECKING:
    from rich.console import RenderableType

POSITION = 15


def compare(
    run: options.RunFolder,
    others: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The other runs.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Seed of the bootstrap.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Compare the first run with each of the others, on the images that judged both: of the test, or out of fold."""
    from headstart.workflows.compare import compare as compare_runs

    pairs = [
        {"run": made.run, "verdict": made.verdict, **made.paired.to_dict()} for made in compare_runs(run, *others, seed=seed)
    ]
    answer(as_json, {"run": str(run), "pairs": pairs}, _view(str(run), pairs))


def _view(run: str, pairs: Sequence[dict[str, Any]]) -> RenderableType:
    """One line a pair; gains are the first run's over the other."""
    rows = [
        (
            pair["run"],
            said(pair["verdict"], style="bold"),
            f"{pair['accuracy_gain']['value']:+.3f}",
            interval(pair["accuracy_gain"], "+"),
            f"{pair['log_loss_gain']['value']:+.3f}",
            f"{pair['p_value']:.3g}",
            f"{pair['num_rows']:,}",
        )
        for pair in pairs
    ]
    columns = ("against", "verdict", "accuracy", "95 %", "log loss", "p", "images")
    return table(columns, rows, right=("accuracy", "log loss", "p", "images"), title=f"{run} against other runs")
