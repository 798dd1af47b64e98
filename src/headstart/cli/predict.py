"""`headstart predict`: labels and probabilities for new images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options

if TYPE_CHECKING:
    from headstart.methods.model import Model

POSITION = 16


Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Images, folders, files of embeddings, or - for paths on stdin.", show_default=False),
]
Refuse = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Give no label to images whose conformal p-value is at most this; 0 labels all. "
        "[dim]\\[0.05, where the model can judge][/dim]",
        show_default=False,
    ),
]
Adapt = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Adapt the model to these images first: batch_norm or tent. Takes many images of all classes.",
        show_default=False,
    ),
]


def predict(
    run: options.RunFolder,
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write .csv, .parquet or .jsonl instead.", show_default=False),
    ] = None,
    refuse: Refuse = None,
    adapt: Adapt = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Label new images; those that look like none of the model's classes are unknown.

    An image's p-value does not depend on the others: 0.2 says that a fifth of known images look no more like those learned from.

    Files that cannot be read give a row with the error, and exit code 1.
    """
    from headstart.cli._rows import check_format, keep_rows, paths_from, print_rows
    from headstart.runs.run import Run

    if out:
        check_format(out)
    finished = Run.load(run)
    rows = finished.predict(paths_from(paths), refuse, adapt)  # type: ignore[arg-type]
    unread, refused = sum("error" in row for row in rows), sum(row.get("refused", False) for row in rows)
    if as_json or not out:
        print_rows(rows, as_json)
    if out:
        keep_rows(out, rows, printed=as_json)
        typer.echo(f"{out}: {len(rows) - unread - refused:,} labeled, {refused:,} unknown, {unread:,} unreadable", err=True)
    if not adapt:
        tell_judging(finished.model, refuse)
    if unread:
        raise typer.Exit(1)


def tell_judging(model: Model, refuse: float | None) -> None:
    """Say on stderr why nothing can be refused, where that was wished for."""
    from headstart.runs.predicting import USUAL_REFUSAL

    share = USUAL_REFUSAL if refuse is None else refuse
    if share and model.detector_model is None:
        typer.echo("Nothing was refused: the model was saved without a novelty detector.", err=True)
    elif share and share < model.least_p_value:
        least = model.least_p_value
        typer.echo(
            f"Nothing was refused: with so few images no p-value is below {least:.2g}, and the share is {share:g}.", err=True
        )
