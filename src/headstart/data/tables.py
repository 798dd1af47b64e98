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

from headstart.core.csv_text import unquoted
from headstart.core.errors import DataError, did_you_mean
from headstart.core.findings import Finding
from headstart.core.parsing import json_by_others
from headstart.core.types import UNLABELED
from headstart.data.addresses import shown_name
from headstart.data.column_names import columns_meant
from headstart.data.outputs import SEPARATOR, TARGET, are_amounts, with_numbers

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


def read_table(path: Path, known: tuple[str, ...], required: tuple[str, ...], numbers: str = "") -> Table:
    """The known columns of a CSV file (comma, semicolon or tab) or a Parquet file.

    Columns may have the headings of `headstart.data.column_names`; one required column may have any heading, if it is the only
    one left. `numbers` is the heading of numbers to predict, in place of labels. Raises `DataError` where the file cannot be
    read, or required columns or all rows are missing.
    """
    place = shown_name(path)
    if path.suffix.lower() == ".parquet":
        return table_of(place, *cells_of(read_parquet(path), place, numbers), known, required, numbers)
    return table_of(place, *_csv_cells(path), known, required, numbers)


def table_of(
    place: str,
    names: list[str],
    cells: list[list[str]],
    rows: list[str],
    known: tuple[str, ...],
    required: tuple[str, ...],
    numbers: str = "",
) -> Table:
    """The known columns of cells by the names of their columns, as `read_table` has them; `rows` is what messages call each."""
    by_name = dict(zip(names, cells, strict=True))
    meant = columns_meant(names, known, place, by_name.__getitem__)
    meant = with_numbers(meant, by_name, numbers, place) if TARGET in known else meant
    missing = [name for name in required if name not in meant.values() and (name != "label" or TARGET not in meant.values())]
    unknown = [name for name in names if name not in meant]
    if len(missing) == len(unknown) == 1 and rows and (missing[0] != "label" or _repeats(by_name[unknown[0]])):
        meant[unknown.pop()] = missing.pop()
    for name in missing:
        near = did_you_mean(name, unknown)
        amounts = next((one for one in unknown if are_amounts(by_name[one])), "") if name == "label" else ""
        instead = f" To predict the numbers in {amounts}, give --numbers {amounts}." if amounts else ""
        raise DataError(
            f'{place}: has no column "{name}".{near} Its columns are {", ".join(names)}; rename or add one.' + instead
        )
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


def label_text(value: Any, where: str) -> str:
    """A label as text, as `text_of` has it; empty for the number -1, which leaves a row without a label.

    `DataError`, which names the row as `where`, for an amount such as 0.37.
    """
    if isinstance(value, int | float) and value == UNLABELED:
        return ""
    if isinstance(value, float) and math.isfinite(value) and not value.is_integer():
        raise DataError(f"{where}: label = {value} is not a name or a whole number. Classes are wanted, not amounts.")
    return text_of(value)


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
            records.append([unquoted(cell.strip()) for cell in record])
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


def cells_of(table: pa.Table, place: str, numbers: str = "") -> tuple[list[str], list[list[str]], list[str]]:
    """The names of an Arrow table's columns, their cells as text, and what messages call its rows.

    Cells that Hugging Face's `ClassLabel` numbers have their names, and lists of labels a separator between them. `numbers` is
    the heading of numbers to predict. `DataError` where labels are amounts or other lists.
    """
    names = list(table.column_names)
    rows = [f"row {row}" for row in range(table.num_rows)]
    labels = {name for name, word in columns_meant(names, ("label",), place, lambda name: ()).items() if word == "label"}
    labels -= {name for name in labels if name == numbers or (name.casefold() == TARGET and _holds_amounts(table.column(name)))}
    cells = []
    for name in names:
        classes = class_names_of(table.schema, name)
        if classes:
            cells.append(_named(table.column(name), classes, name, place))
        else:
            cells.append(_labels(table.column(name), name, place) if name in labels else _texts(table.column(name)))
    return names, cells, rows


def _texts(column: pa.ChunkedArray) -> list[str]:
    """The cells of a column; empty ones where they are lists, records or bytes, which are no texts."""
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [""] * len(column)
    return [text_of(value) for value in column.to_pylist()]


def _holds_amounts(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_floating(column.type)) and are_amounts(_texts(column))


def _labels(column: pa.ChunkedArray, name: str, place: str) -> list[str]:
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return [_joined(names, f"{place}, row {row}") for row, names in enumerate(column.to_pylist())]
    if pa.types.is_nested(column.type):
        raise DataError(f"{place}: {name} is a column of {column.type}, and must be one class a picture. Write one name each.")
    return [label_text(value, f"{place}, row {row}") for row, value in enumerate(column.to_pylist())]


def _joined(names: list[str | None] | None, where: str) -> str:
    """A list of labels as one text; a lone separator for an empty list, and nothing where there is no list."""
    if names is None:
        return ""
    bad = next((name for name in names if name is None or SEPARATOR in name or not name.strip()), "")
    if bad != "":
        raise DataError(f'{where}: a label is {bad!r}, and labels are names without ";". Rename it.')
    return f"{SEPARATOR.join(map(str, names))}{SEPARATOR}"


def _named(column: pa.ChunkedArray, classes: tuple[str, ...], name: str, place: str) -> list[str]:
    """The names of numbered cells; empty where a cell is, or is -1."""
    texts = []
    for row, number in enumerate(column.to_pylist()):
        if number is None or number == UNLABELED:
            texts.append("")
        elif isinstance(number, int) and 0 <= number < len(classes):
            texts.append(classes[number])
        else:
            raise DataError(f"{place}, row {row}: {name} = {number}, and its {len(classes)} classes count from 0. Correct it.")
    return texts


def class_names_of(schema: pa.Schema, name: str) -> tuple[str, ...]:
    """The class names that Hugging Face's `datasets` notes in a schema for a column; none where it notes none."""
    try:
        noted = json_by_others((schema.metadata or {}).get(b"huggingface", b"{}"), "huggingface")["info"]["features"][name]
        names = noted["names"] if noted["_type"] == "ClassLabel" else []
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()
