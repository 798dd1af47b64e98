"""Answers on stdout: JSON documents, tables and two-column facts, in 80 columns; all but JSON in the language that is spoken.

Texts, heads of tables and facts are translated here. Cells of tables are not, as they may be names: `said` is for words in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import typer

from headstart.cli._wrapping import BREAK, breakable, unmarked
from headstart.core.language import spoken
from headstart.core.printable import printable, printable_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDEST_NAME = 32
WHOLE_WORDS = 13
"""Columns up to this width, such as verdicts, are not folded."""
LEAST_WORDS = 8
"""Letters of a line that a folded column keeps at least."""
BETWEEN = 2
"""Blanks between two columns."""
UNITS = re.compile(r"\b(to|至|[kMGT]?B|M|h|min|m?s|e)\b")
"""What stands beside numbers in a cell, in letters."""


def answer(as_json: bool, value: Any, *blocks: RenderableType, soft_wrap: bool = False) -> None:
    """Print the value as one JSON document, or else the parts, one below the other."""
    if as_json:
        typer.echo(printable_json(json.dumps(value, indent=2, ensure_ascii=False)))
    else:
        show(*blocks, soft_wrap=soft_wrap)


def show(*blocks: RenderableType, soft_wrap: bool = False) -> None:
    """Print texts and tables without blanks at the ends of lines; with `soft_wrap` the terminal breaks lines: for paths."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    with console.capture() as captured:
        console.print(*map(_said, blocks), sep="\n", soft_wrap=soft_wrap)
    for line in unmarked(captured.get()).splitlines():
        typer.echo(line.rstrip(" "), color=console.is_terminal)


def table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], right: Sequence[str] = (), title: str = "") -> Table:
    """A table with a rule under its head; cells of the columns in `right` stand to the right.

    Numbers are never cut or broken. Names are folded where the terminal is narrow; those of the first column last.
    """
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD,
        title=spoken().sentence(title) or None,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown = list(rows)
    heads = list(map(spoken().gettext, columns))
    cells = [[head, *(str(row[index]) for row in shown)] for index, head in enumerate(heads)]
    widths = [max(map(_width, column)) for column in cells]
    whole = [name in right or widths[at] <= WHOLE_WORDS or all(map(_is_number, cells[at][1:])) for at, name in enumerate(columns)]
    whole[:1] = [False][: len(whole)]
    first = _first_width(widths, whole)
    for index, name in enumerate(columns):
        justify: Literal["left", "right"] = "right" if name in right else "left"
        made.add_column(heads[index], justify=justify, no_wrap=whole[index], overflow="fold", width=first if index == 0 else None)
    for row in shown:
        made.add_row(*map(_rendered, row))
    return made


def _width(text: str) -> int:
    """Columns of the terminal that the longest line of a text takes."""
    from rich.cells import cell_len

    return max(map(cell_len, text.splitlines()), default=0)


def _is_number(text: str) -> bool:
    """Whether a cell is made of numbers, units and signs."""
    return not re.search(r"[^\W\d_]", UNITS.sub("", text))


def _first_width(widths: list[int], whole: list[bool]) -> int | None:
    """The width of the first column of a table that is wider than the terminal: what others leave, whole names if possible."""
    from rich.console import Console

    left = Console().width - BETWEEN * (len(widths) - 1) - sum(widths[1:])
    if left >= widths[0]:
        return None
    could_fold = sum(max(0, width - LEAST_WORDS) for width, fixed in zip(widths[1:], whole[1:], strict=True) if not fixed)
    return max(min(widths[0], LEAST_WORDS), left, min(widths[0], WIDEST_NAME, left + could_fold))


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Named facts, one a line."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(spoken().gettext(name), _said(value))
    return made


def _rendered(value: RenderableType) -> RenderableType:
    """A text in which square brackets are square brackets; anything else as it is."""
    return plain(value) if isinstance(value, str) else value


def _said(value: RenderableType) -> RenderableType:
    """A text in the language that is spoken; anything else as it is."""
    return said(value) if isinstance(value, str) else value


def said(*texts: str, style: str = "") -> Text:
    """Texts of headstart's own, one after the other, each in the language that is spoken, in a style."""
    return plain("".join(map(spoken().sentence, texts)), style)


def told(sentence: str) -> None:
    """Print a sentence on stderr, in the language that is spoken."""
    typer.echo(printable(spoken().sentence(sentence)), err=True)


def plain(text: object, style: str = "") -> Text:
    """A text in a style, in which square brackets are square brackets and nothing moves the cursor."""
    from rich.text import Text

    shown = BREAK.join(map(printable, str(text).split(BREAK)))  # marks of a text that was said before stay
    return Text(breakable(shown), style=style)


def interval(estimate: dict[str, float] | None, signs: str = "") -> str:
    """The ends of a 95 % interval, or a dash; with signs = "+" a gain has its sign."""
    return "-" if estimate is None else spoken().sentence(f"{estimate['low']:{signs}.3f} to {estimate['high']:{signs}.3f}")
