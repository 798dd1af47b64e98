"""Predictions as rows: which paths, and how the rows are printed or written."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from headstart.cli._printing import plain, show, table
from headstart.core.errors import ExportError
from headstart.core.records import write_atomically

FORMATS = (".csv", ".parquet", ".jsonl")


def paths_from(words: Sequence[str]) -> list[str]:
    """The paths, with "-" replaced by those on stdin, one a line."""
    return [
        path
        for word in words
        for path in ([line.rstrip("\r\n") for line in sys.stdin if line.strip()] if word == "-" else [word])
    ]


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows as a table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    judged = any("familiarity" in row for row in rows)
    columns = ("path", "label", "probability", *(["familiarity"] if judged else []))
    show(table(columns, [_cells(row)[: len(columns)] for row in rows], right=columns[2:]))


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    path = plain(row["path"])
    if "error" in row:
        return path, plain(row["error"].removeprefix(f"{row['path']}: "), "red"), "", ""
    label = plain(f"unknown (nearest: {row['nearest']})") if row.get("refused") else plain(row["label"], "bold")
    return path, label, f"{row['probability']:.3f}", f"{row['familiarity']:.3f}" if "familiarity" in row else ""


def check_format(path: Path) -> str:
    """The ending of a file's name.

    Args:
        path: Where rows are to be written.

    Returns:
        ".csv", ".parquet" or ".jsonl".

    Raises:
        ExportError: The name ends otherwise.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ExportError(f'{path} ends in "{suffix}". Choose one of {", ".join(FORMATS)}.')
    return suffix


def keep_rows(path: Path, rows: Sequence[dict[str, Any]], printed: bool) -> None:
    """Write the rows; where that fails and they are not yet printed, print them, so that they are not lost."""
    try:
        write_rows(path, rows)
    except ExportError:
        if not printed:
            print_rows(rows, as_json=True)
        raise


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows in the format that the file's name says.

    Args:
        path: Ends in .csv, .parquet or .jsonl.
        rows: As `Run.predict` gives them.

    Raises:
        ExportError: The name ends otherwise, or the file cannot be written.
    """
    suffix = check_format(path)
    if suffix == ".jsonl":
        write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif suffix == ".csv":
        write_atomically(path, _as_csv(rows))
    else:
        write_atomically(path, _as_parquet(rows))


def _flat(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    classes = next((list(row["probs"]) for row in rows if "probs" in row), [])
    judged = ["familiarity", "refused"] if any("familiarity" in row for row in rows) else []
    nearest = ["nearest"] if any("nearest" in row for row in rows) else []
    columns = ["path", "label", *nearest, "probability", *judged, *(f"prob_{name}" for name in classes), "error"]
    flat = [
        {
            **{key: value for key, value in row.items() if key != "probs"},
            **{f"prob_{name}": value for name, value in row.get("probs", {}).items()},
        }
        for row in rows
    ]
    return columns, flat


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    columns, flat = _flat(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, flat = _flat(rows)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: [row.get(name) for row in flat] for name in columns}), sink)
    return bytes(sink.getvalue().to_pybytes())
