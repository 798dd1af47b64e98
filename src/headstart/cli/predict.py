"""`headstart predict`: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import plain, said, told
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
        metavar="P",
        help="Give no label to images with a p-value below P: to about a share P of the known images, and to more of the others.",
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
    """Label new images. Each gets the most probable class, and a p-value.

    The p-value tests whether an image is like the known ones: 0.2 means that a fifth of the known images are no more similar. It
    does not depend on the other images. Below 0.05 the image is flagged as unknown: perhaps it shows no class of the model.

    A file that cannot be read gives a row with the error, and exit code 1.
    """
    from headstart.runs.run import Run

    if out:
        check_format(out)
    finished = Run.load(run, first=True)
    if finished.has_first_model:
        told(f"{run} is unfinished: its first model predicts. `headstart run` goes on with it.")
    rows = finished.predict(paths_from(paths), refuse, adapt)  # type: ignore[arg-type]
    if out:
        _write(out, rows, print_too=as_json)
        told(f"{out}: {_counts(rows)}")
    else:
        show_predictions(rows, as_json)
    tell_if_none_can_be_flagged(finished.model, refuse)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def show_predictions(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows of `headstart.predict`."""
    tested = any(row.get("unknown") for row in rows)
    columns = ("label", "probability", "p-value") if tested else ("label", "probability")
    print_rows(rows, as_json, columns, lambda row: _cells(row)[: len(columns)])


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    unknown = row["unknown"]
    if row["label"] is None:
        label = said(f"unknown (best guess: {row['best_guess']})")
    else:
        label = plain(row["label"], "bold")
        label.append(said(" (perhaps unknown)" if unknown and unknown["flag"] else "", style="yellow"))
    return label, f"{row['probability']:.3f}", f"{unknown['p_value']:.3f}" if unknown else ""


def _counts(rows: Sequence[dict[str, Any]]) -> str:
    """How many images got a label, how many were flagged or refused and how many could not be read."""
    read = [row for row in rows if "error" not in row]
    labeled = sum(row["label"] is not None for row in read)
    flagged = sum(bool(row["unknown"] and row["unknown"]["flag"]) for row in read)
    counts = [(labeled, "labeled"), (len(read) - labeled, "without a label"), (flagged, "flagged as perhaps unknown")]
    counts.append((len(rows) - len(read), "unreadable"))
    return ", ".join(f"{number:,} {what}" for number, what in counts if number or what == "labeled")


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


def tell_if_none_can_be_flagged(model: Model, refuse: float | None) -> None:
    """Say on stderr why no image can be flagged as unknown, or refused where that was asked for."""
    from headstart.novelty.detector import UNUSUAL

    level, least = UNUSUAL if refuse is None else refuse, model.least_p_value
    if level and model.detector_model is None:
        told("No image can be flagged as unknown: the model was saved without a novelty detector.")
    elif level and level <= least:
        what = "flagged as unknown" if refuse is None else f"refused at {refuse:g}"
        told(f"No image can be {what}: the fit had so few images that no p-value is below {least:.2g}.")
