"""`headstart cache`: what is kept between runs, shown or deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, plain, said, table

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
    listed = table(
        ("name", "kind", "pixels", "images", "size", "last used"),
        [
            (plain(name, "bold"), said(kind), pixels, f"{images:,}", _size(num_bytes), _local(used))
            for name, kind, pixels, images, num_bytes, used in by_network(contents["entries"])
        ],
        right=("images", "size", "last used"),
    )
    totals = [
        ("Folder", contents["folder"]),
        ("Size", f"{_size(contents['size_bytes'])}; features are kept up to {_size(contents['limit_bytes'])}"),
    ]
    if changed:
        totals.append(("Freed", _size(contents["freed_bytes"])))
    shown: list[RenderableType] = [listed, ""] if contents["entries"] else []
    if contents["engines"]:
        columns = ("network", "pixels", "engine", "promised", "reached")
        rows = [(plain(row[0], "bold"), *row[1:]) for row in rates_by_network(contents["engines"])]
        shown += [table(columns, rows, right=("promised", "reached"), title="Images a second, by input side"), ""]
    return [*shown, facts(totals)]


def by_network(entries: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, int, int, str]]:
    """One row a network, of all its input sides and engines; then what else is kept.

    Args:
        entries: As the cache's JSON has them; a name of features reads "NETWORK at N pixels, ENGINE".

    Returns:
        Name, kind, input sides in pixels, images that were seen at most, bytes, and when it was last used.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in entries:
        groups.setdefault((_network_of(entry["name"])[0], entry["kind"]), []).append(entry)
    return [
        (
            name,
            kind,
            _joined(_network_of(one["name"])[1] for one in group),
            max(one["num_rows"] for one in group),
            sum(one["size_bytes"] for one in group),
            max(one["last_used"] for one in group),
        )
        for (name, kind), group in groups.items()
    ]


def rates_by_network(engines: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """One row a network and engine: input sides, and the rates at each that were promised and reached."""
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in engines:
        network, pixels = _network_of(row["network"])
        groups.setdefault((network, row["engine"]), {})[pixels] = row  # of two choices the later one
    made = []
    for (network, engine), sides in groups.items():
        rows = [sides[pixels] for pixels in sorted(sides, key=_as_number)]
        promised = ", ".join(f"{row['promised']:,.0f}" for row in rows)
        reached = ", ".join(f"{row['reached']:,.0f}" if row["reached"] else "-" for row in rows)
        made.append((network, _joined(sides), engine, promised, reached))
    return made


def _network_of(name: str) -> tuple[str, str]:
    """A network's name and its input side.

    >>> _network_of("efficientnet_lite0 at 160 pixels, openvino-bf16"), _network_of("scans of files")
    (('efficientnet_lite0', '160'), ('scans of files', ''))
    """
    found = re.fullmatch(r"(.+) at (\d+) pixels(?:, .*)?", name)
    return (found[1], found[2]) if found else (name, "")


def _joined(sides: Iterable[str]) -> str:
    return ", ".join(sorted({side for side in sides if side}, key=_as_number))


def _as_number(side: str) -> int:
    return int(side or 0)


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
