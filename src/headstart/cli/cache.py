"""`headstart cache`: what is kept between runs, shown or deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, plain, table

if TYPE_CHECKING:
    from rich.console import RenderableType

POSITION = 54


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything.")] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Delete the features used longest ago until SIZE is left, e.g. 5GB.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what is kept between runs to save time, or delete it."""
    from headstart.workflows.cache import cache as cache_of

    contents = cache_of(clear=clear, keep=keep)
    answer(as_json, contents, *_view(contents, changed=clear or keep is not None))


def _view(contents: dict[str, Any], changed: bool) -> list[RenderableType]:
    rows = [
        (plain(row["name"], "bold"), row["kind"], f"{row['num_rows']:,}", _size(row["size_bytes"]), _local(row["last_used"]))
        for row in contents["entries"]
    ]
    listed = table(("name", "kind", "images", "size", "last used"), rows, right=("images", "size", "last used"))
    totals = [
        ("Folder", contents["folder"]),
        ("Size", f"{_size(contents['size_bytes'])}; features are kept up to {_size(contents['limit_bytes'])}"),
    ]
    if changed:
        totals.append(("Freed", _size(contents["freed_bytes"])))
    engines = [
        (
            plain(row["network"], "bold"),
            row["engine"],
            f"{row['promised']:,.0f}",
            f"{row['reached']:,.0f}" if row["reached"] else "",
        )
        for row in contents["engines"]
    ]
    by_network = table(("network", "engine", "promised", "reached"), engines, right=("promised", "reached"))
    shown: list[RenderableType] = [listed, ""] if rows else []
    if engines:
        shown += [by_network, ""]
    return [*shown, facts(totals)]


def _size(num_bytes: int) -> str:
    """A size with three digits at most.

    >>> _size(45_300_000), _size(999), _size(20_000_000_000)
    ('45.3 MB', '999 B', '20 GB')
    """
    scaled, unit = float(num_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if scaled < 999.5 or unit == "TB":
            break
        scaled /= 1000
    return f"{scaled:.3g} {unit}"


def _local(moment: str) -> str:
    """The moment on this machine's clock, to the minute."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
