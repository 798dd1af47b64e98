"""`headstart predict`: labels and probabilities for new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 16


def predict(
    run: options.RunFolder,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Images, folders of images, or - for paths on stdin.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write .csv, .parquet or .jsonl instead.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Label new images; files that cannot be read give a row with the error, and exit code 1."""
    from headstart.applying import predict as predict_files
    from headstart.cli._rows import check_format, image_paths, keep_rows, print_rows
    from headstart.runs import Run

    if out:
        check_format(out)
    rows = predict_files(Run.load(run), image_paths(paths))
    unread = sum("error" in row for row in rows)
    if as_json or not out:
        print_rows(rows, as_json)
    if out:
        keep_rows(out, rows, printed=as_json)
        typer.echo(f"{out}: {len(rows) - unread:,} labeled, {unread:,} unreadable", err=True)
    if unread:
        raise typer.Exit(1)
