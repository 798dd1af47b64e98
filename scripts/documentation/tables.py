"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    r"""A table; bars within cells are escaped.

    >>> table(("a", "b"), [("1|2", "3")])
    '| a | b |\n| --- | --- |\n| 1\\|2 | 3 |'
    """
    header = tuple(header)
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (header, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (escaped[0], ["---"] * len(header), *escaped[1:]))
