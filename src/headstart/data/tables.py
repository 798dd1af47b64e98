"""CSV and Parquet files as columns of text, with the names of columns as people write them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headstart.core.errors import DataError, did_you_mean
from headstart.core.findings import Finding
from headstart.data.column_names import columns_meant

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """Columns of text.

    Attributes:
        place: The file, for messages.
        columns: The cells of each known column; empty text where a cell is empty.
        unknown: The names of the other columns.
        rows: What messages call each row: its line in a CSV file, its index in a Parquet file.
        meant: The known column that each heading means.
    """

    place: str
    columns: dict[str, list[str]]
    unknown: tuple[str, ...]
    rows: list[str]
    meant: dict[str, str]

    def where(self, row: int) -> str:
        """File and row, for messages."""
        return f"{self.place}, {self.rows[row]}"

    def column(self, name: str) -> list[str]:
        """The cells of an optional column: empty texts where the file has no such column."""
        return self.columns.get(name) or [""] * len(self.rows)


def read_table(path: Path, known: tuple[str, ...], required: tuple[str, ...]) -> Table:
    """The known columns of a CSV file (comma, semicolon or tab) or a Parquet file.

    Columns may have the headings of `headstart.data.column_names`; one required column may have any heading, if it is the only
    one left. Raises `DataError` where the file cannot be read, or required columns or all rows are missing.
    """
    place = str(path)
    names, cells, rows = _parquet_cells(path) if path.suffix.lower() == ".parquet" else _csv_cells(path)
    by_name = dict(zip(names, cells, strict=True))
    meant = columns_meant(names, known, place, by_name.__getitem__)
    missing = [name for name in required if name not in meant.values()]
    unknown = [name for name in names if name not in meant]
    if len(missing) == len(unknown) == 1 and rows and (missing[0] != "label" or _repeats(by_name[unknown[0]])):
        meant[unknown.pop()] = missing.pop()
    for name in missing:
        near = did_you_mean(name, unknown)
        raise DataError(f'{place}: has no column "{name}".{near} Its columns are {", ".join(names)}; rename or add one.')
    if not rows:
        raise DataError(f"{place}: has columns and no rows. Add a row for each picture.")
    return Table(place, {word: by_name[name] for name, word in meant.items()}, tuple(unknown), rows, meant)


def _repeats(cells: list[str]) -> bool:
    """Whether the values can be classes: at least two images of each on average."""
    return len(set(cells)) <= len(cells) / 2


def ignored_columns(place: str, unknown: Iterable[str], known: Iterable[str]) -> tuple[Finding, ...]:
    """A finding that names the columns nothing is made of; none when there are none."""
    names = list(unknown)
    if not names:
        return ()
    hints = [f'"{name}":{near}' for name in names if (near := did_you_mean(name.casefold(), known))]
    finding = Finding(
        code="ignored-columns",
        severity="warning" if hints else "info",
        title=f"Columns of {Path(place).name} that mean nothing here are ignored ({len(names)}).",
        evidence={"count": len(names), "columns": names[:20], "known": list(known)},
        advice=" ".join(hints[:3]),
    )
    return (finding,)


def text_of(value: Any) -> str:
    """A cell as text: empty for None and nan, whole floats without their point, no outer white space."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _csv_cells(path: Path) -> tuple[list[str], list[list[str]], list[str]]:
    place = str(path)
    text = _text(path)
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    rows: list[str] = []
    try:
        names = [name.strip() for name in next(lines, [])]
        for record in lines:
            if not any(cell.strip() for cell in record):
                continue
            if len(record) != len(names):
                raise DataError(
                    f"{place}, line {lines.line_num}: has {len(record)} cells where the header has {len(names)}. "
                    "Put cells that contain the delimiter into double quotes."
                )
            records.append([cell.strip() for cell in record])
            rows.append(f"line {lines.line_num}")
    except csv.Error as error:
        raise DataError(f"{place}, line {lines.line_num}: is not valid CSV ({error}). Mend that line.") from None
    return names, [list(column) for column in zip(*records, strict=True)] or [[] for _ in names], rows


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Make it readable.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not UTF-8 text (byte 0x{content[error.start]:02x} at position {error.start}). Save it as CSV in UTF-8."
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: is not text, as it holds a zero byte. Save it as CSV in UTF-8.")
    if not text.strip():
        raise DataError(f"{path}: is empty. Write a header line and a line for each picture.")
    return text


def read_parquet(path: Path) -> pa.Table:
    """The whole Parquet file; `DataError` where it is damaged, not Parquet, or cannot be read."""
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(". ")
        raise DataError(f"{path}: cannot be read as Parquet ({reason}). Write it again.") from None


def _parquet_cells(path: Path) -> tuple[list[str], list[list[str]], list[str]]:
    table = read_parquet(path)
    cells = [[text_of(value) for value in column.to_pylist()] for column in table.columns]
    return list(table.column_names), cells, [f"row {row}" for row in range(table.num_rows)]
