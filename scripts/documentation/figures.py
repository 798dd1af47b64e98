"""Measured figures: the rows and columns of published tables that are about a method."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from scripts.documentation.places import FENCED, ROOT, place_of

TABLES_IN = ("benchmarks/RESULTS.md", "docs/few-shot.md", "docs/across-domains.md", "docs/unknown-images.md")
"""Files whose tables are searched."""
REFERENCE = "ridge"
"""The method that a row or column is shown beside, where the table has it: the plain probe."""
HEADING = re.compile(r"^#+ (.+)$")
NAMED = re.compile(r"(\w+)(?:\s*[:,(].*)?")
MEASURED = re.compile(r"[*+\-−]*\d")


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        name: The file.
        heading: The heading that it stands below.
        rows: Its cells, those of the header first.
    """

    name: str
    heading: str
    rows: tuple[tuple[str, ...], ...]

    def about(self, kind: str) -> tuple[tuple[str, ...], ...]:
        """Header and row, or first column and column, of a method, beside those of `ridge`; empty where there are none."""
        header, *rows = self.rows
        found = [row for row in rows if _names(row[0]) == kind and any(map(MEASURED.match, row[1:]))]
        if found:
            return (header, *(row for row in rows if _names(row[0]) == REFERENCE and row not in found), *found)
        own = [column for column, cell in enumerate(header) if column and _names(cell) == kind]
        if not own:
            return ()
        columns = [0, *(column for column, cell in enumerate(header) if column and _names(cell) in {kind, REFERENCE})]
        return tuple(tuple(row[column] for column in columns) for row in self.rows)

    @property
    def place(self) -> str:
        """The page of the site that has the table."""
        return str(place_of(self.name))


def _names(cell: str) -> str | None:
    """The method that a cell names, with or without a remark; None where it says something else.

    >>> _names("`proto_net` (selected)"), _names("lp_ft, 12 epochs"), _names("`lp_ft:depth=third`"), _names("ridge on pixels")
    ('proto_net', 'lp_ft', 'lp_ft', None)
    """
    found = NAMED.fullmatch(cell.replace("`", "").replace("*", "").strip())
    return found[1] if found else None


@cache
def tables() -> tuple[Table, ...]:
    """All tables of the files that are searched."""
    return tuple(table for name in TABLES_IN for table in _tables_of(name))


def _tables_of(name: str) -> Iterator[Table]:
    heading, rows = "", []
    for line in [*FENCED.sub("", (ROOT / name).read_text(encoding="utf-8")).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        if len(rows) > 2:
            yield Table(name, heading, (rows[0], *rows[2:]))
        rows = []
        found = HEADING.match(line)
        heading = found[1] if found else heading
