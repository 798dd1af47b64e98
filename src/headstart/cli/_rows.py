"""Predictions as rows: which paths, and how the rows are printed or written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from headstart.cli._printing import said, show, table
from headstart.core.csv_text import csv_text
from headstart.core.errors import ExportError
from headstart.core.printable import printable_json

FORMATS = (".csv", ".parquet", ".jsonl")


def paths_from(words: Sequence[str]) -> list[str]:
    """The paths, with "-" replaced by those on stdin, one a line."""
    return [
        path
        for word in words
        for path in ([line.rstrip("\r\n") for line in sys.stdin if line.strip()] if word == "-" else [word])
    ]


def print_rows(
    rows: Sequence[dict[str, Any]],
    as_json: bool,
    columns: Sequence[str],
    cells: Callable[[dict[str, Any]], tuple[Any, ...]],
    right: Sequence[str] | None = None,
) -> None:
    """Print one JSON object a line, or a table of the paths, each with its error or the cells that are made of its row.

    All columns after the first stand to the right, or those that `right` names.
    """
    if as_json:
        for row in rows:
            typer.echo(printable_json(json.dumps(row, ensure_ascii=False)))
        return
    shown, blank = [], [""] * (len(columns) - 1)
    for row in rows:
        given = (said(row["error"].removeprefix(f"{row['path']}: "), style="red"), *blank) if "error" in row else cells(row)
        shown.append((row["path"], *given))
    show(table(("path", *columns), shown, right=columns[1:] if right is None else right))


def check_format(path: Path) -> str:
    """The ending of a file's name; an ExportError where it is none of those that rows can be written as."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ExportError(f'{path} ends in "{suffix}". Choose one of {", ".join(FORMATS)}.')
    return suffix


def write_rows(path: Path, rows: Sequence[dict[str, Any]], raw: bool = False) -> None:
    """Write the rows of `headstart.predict` in the format that the file's name says.

    In CSV a quote stands before what a spreadsheet would compute, unless it is to be `raw`. Names of files that are no text are
    the bytes that they are in CSV, and escaped in the others.
    """
    from headstart.core.records import write_atomically
    from headstart.core.unfinished import sweep

    suffix = check_format(path)
    sweep(path.parent)
    if suffix == ".jsonl":
        write_atomically(path, "".join(printable_json(json.dumps(row, ensure_ascii=False)) + "\n" for row in rows))
    else:
        write_atomically(path, _as_csv(rows, raw) if suffix == ".csv" else _as_parquet(rows))


def _flat(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns, and each row with one value a column: `p_value` and `unknown`, whether it is flagged, stand side by side.

    A set is a list in Parquet, and its classes with ";" between them in CSV; so are the labels of a run of several.
    """
    if any("labels" in row or "value" in row for row in rows):
        return _flat_outputs(rows)
    classes = next((list(row["probs"]) for row in rows if "probs" in row), [])
    guesses = ["best_guess"] if any("best_guess" in row for row in rows) else []
    sets = ["set"] if any("set" in row for row in rows) else []
    columns = [
        "path",
        "label",
        *guesses,
        "probability",
        "p_value",
        "unknown",
        *sets,
        *(f"prob_{name}" for name in classes),
        "error",
    ]
    flat = []
    for row in rows:
        unknown = row.get("unknown") or {}
        shown = {name: value for name, value in row.items() if name not in ("probs", "unknown")}
        shown |= {"p_value": unknown.get("p_value"), "unknown": unknown.get("flag")}
        flat.append(shown | {f"prob_{name}": value for name, value in row.get("probs", {}).items()})
    return columns, flat


def _flat_outputs(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """The same of a run of several labels, or of numbers, whose interval has its ends side by side."""
    outputs = next((list(row["probs"]) for row in rows if "probs" in row), [])
    said = ["labels", *(f"prob_{name}" for name in outputs)] if outputs else ["value", "level", "low", "high"]
    flat = []
    for row in rows:
        shown = {name: value for name, value in row.items() if name not in ("probs", "interval")}
        flat.append(shown | {f"prob_{name}": value for name, value in row.get("probs", {}).items()} | row.get("interval", {}))
    return ["path", *said, "error"], flat


def _as_csv(rows: Sequence[dict[str, Any]], raw: bool) -> str:
    columns, flat = _flat(rows)
    joined = (row | {name: ";".join(row[name]) for name in ("set", "labels") if name in row} for row in flat)
    return csv_text(columns, joined, raw=raw)


def _as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, flat = _flat(rows)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: [_as_text(row.get(name)) for row in flat] for name in columns}), sink)
    return bytes(sink.getvalue().to_pybytes())


def _as_text(value: Any) -> Any:
    """A cell for Parquet, whose texts are UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
