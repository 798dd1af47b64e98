"""CSV: rows as text in which no cell is a formula to a spreadsheet, and such cells read back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""The beginning of what spreadsheets compute, or of what they are told not to.

Reference: OWASP, "CSV Injection" (the characters that begin a formula, and the quote that prevents it).
"""
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
"""Begins with a sign like a formula, and is none."""


def quoted(text: str) -> str:
    """A cell's text, after a quote if a spreadsheet would compute it.

    >>> quoted("=1+1"), quoted("'=1+1"), quoted("-1.5"), quoted("cat"), quoted("'90s")
    ("'=1+1", "''=1+1", '-1.5', 'cat', "'90s")
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unquoted(text: str) -> str:
    """What `quoted` was given.

    >>> unquoted("'=1+1"), unquoted("''=1+1"), unquoted("-1.5"), unquoted("'90s")
    ('=1+1', "'=1+1", '-1.5', "'90s")
    """
    rest = text[1:]
    return rest if text.startswith("'") and FORMULA.match(rest) and not NUMBER.fullmatch(rest) else text


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False) -> str:
    """Rows by the names of their columns as CSV with a header, cells `quoted` unless `raw`; what a row lacks is empty."""

    def cell(value: Any) -> Any:
        return quoted(value) if isinstance(value, str) and not raw else value

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(cell, columns))
    writer.writerows([cell(row.get(name, "")) for name in columns] for row in rows)
    return stream.getvalue()
