"""`headstart predict`: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import plain
from headstart.cli._rows import check_format, paths_from, print_rows, write_rows
from headstart.core.errors import ExportError

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
        help="Give no label to images with a p-value of at most SHARE; 0 labels all. "
        "[dim]\\[0.05, where the model has a novelty detector][/dim]",
        show_default=False,
    ),
]
Adapt = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Adapt the model to these images first: batch_norm or tent. Needs many images of all classes.",
        show_default=False,
    ),
]


def predict(
    run: options.RunFolder,
    paths: Paths,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write a .csv, .parquet or .jsonl file instead of printing.", show_default=False
        ),
    ] = None,
    refuse: Refuse = None,
    adapt: Adapt = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Label new images; an image unlike every class of the model is unknown.

    The p-value tests whether an image is like the known ones: 0.2 means that a fifth of the known images are no more similar. It
    does not depend on the other images.

    A file that cannot be read gives a row with the error, and exit code 1.
    """
    from headstart.runs.run import Run

    if out:
        check_format(out)
    finished = Run.load(run, first=True)
    if finished.has_first_model:
        typer.echo(f"{run} is unfinished: its first model predicts. `headstart run` goes on with it.", err=True)
    rows = finished.predict(paths_from(paths), refuse, adapt)  # type: ignore[arg-type]
    unread, refused = sum("error" in row for row in rows), sum(row.get("refused", False) for row in rows)
    if out:
        _write(out, rows, print_too=as_json)
        typer.echo(f"{out}: {len(rows) - unread - refused:,} labeled, {refused:,} unknown, {unread:,} unreadable", err=True)
    else:
        show_predictions(rows, as_json)
    if not adapt:
        tell_if_none_can_be_refused(finished.model, refuse)
    if unread:
        raise typer.Exit(1)


def show_predictions(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows of `headstart.predict`."""
    tested = any("p_value" in row for row in rows)
    columns = ("label", "probability", "p-value") if tested else ("label", "probability")
    print_rows(rows, as_json, columns, lambda row: _cells(row)[: len(columns)])


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    label = f"unknown (nearest: {row['nearest']})" if row.get("refused") else plain(row["label"], "bold")
    return label, f"{row['probability']:.3f}", f"{row['p_value']:.3f}" if "p_value" in row else ""


def _write(out: Path, rows: Sequence[dict[str, Any]], print_too: bool) -> None:
    """Write the rows; print them where that is asked for, or where they would be lost."""
    if print_too:
        show_predictions(rows, as_json=True)
    try:
        write_rows(out, rows)
    except ExportError:
        if not print_too:
            show_predictions(rows, as_json=True)
        raise


def tell_if_none_can_be_refused(model: Model, refuse: float | None) -> None:
    """Say on stderr why the model can refuse no image, where it was to."""
    from headstart.runs.predicting import DEFAULT_REFUSE

    share = DEFAULT_REFUSE if refuse is None else refuse
    if share and model.detector_model is None:
        typer.echo("Nothing was refused: the model was saved without a novelty detector.", err=True)
    elif share and share < model.least_p_value:
        least = model.least_p_value
        typer.echo(
            f"Nothing was refused: with so few images no p-value is below {least:.2g}, and the share is {share:g}.", err=True
        )
