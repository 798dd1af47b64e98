"""Answers on stdout: JSON documents, tables and two-column facts, in 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDEST_NAME = 32


def answer(as_json: bool, value: Any, *blocks: RenderableType, soft_wrap: bool = False) -> None:
    """Print the value as one JSON document, or else the parts, one below the other."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        show(*blocks, soft_wrap=soft_wrap)


def show(*blocks: RenderableType, soft_wrap: bool = False) -> None:
    """Print texts and tables without blanks at the ends of lines; with `soft_wrap` the terminal breaks lines: for paths."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    with console.capture() as captured:
        console.print(*map(_rendered, blocks), sep="\n", soft_wrap=soft_wrap)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip(" "), color=console.is_terminal)


def table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], right: Sequence[str] = (), title: str = "") -> Table:
    """A table with a rule under its head; the first column wraps last, and cells of the columns in `right` stand to the right."""
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown = list(rows)
    longest = max((len(str(row[0])) for row in shown), default=0)
    for index, name in enumerate(columns):
        least = min(longest, WIDEST_NAME) if index == 0 else None
        made.add_column(
            name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold", min_width=least
        )
    for row in shown:
        made.add_row(*map(_rendered, row))
    return made


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Named facts, one a line."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, _rendered(value))
    return made


def _rendered(value: RenderableType) -> RenderableType:
    """A text in which square brackets are square brackets; anything else as it is."""
    return plain(value) if isinstance(value, str) else value


def plain(text: object, style: str = "") -> Text:
    """A text in a style, in which square brackets are square brackets."""
    from rich.text import Text

    return Text(str(text), style=style)


def interval(estimate: dict[str, float] | None, signs: str = "") -> str:
    """The ends of a 95 % interval, or a dash; with signs = "+" a gain has its sign."""
    return "-" if estimate is None else f"{estimate['low']:{signs}.3f} to {estimate['high']:{signs}.3f}"
