"""Tables of how well rankings did, each made from its JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.cli._printing import plain, table

if TYPE_CHECKING:
    from rich.console import RenderableType


def history_view(history: dict[str, Any]) -> RenderableType:
    """Each network with what always taking it would have cost, each score with its agreement, and the sentence."""
    from rich.console import Group

    networks = [
        (row["name"], *(f"{row[key]:,}" for key in ("num_runs", "num_first", "num_best")), _points(row["regret"]))
        for row in history["networks"]
    ]
    columns = ("network", "runs", "ranked first", "best", "points lost")
    scores = [("the ranking", _tau(history["weighted_tau"])), *((name, _tau(tau)) for name, tau in history["by_score"].items())]
    return Group(
        table(columns, networks, right=columns[1:], title="Networks by real fits, had each always been taken"),
        "",
        table(("order by", "weighted tau"), scores, right=("weighted tau",), title="Agreement with real fits"),
        "",
        plain(history["sentence"], "bold"),
    )


def _points(mean: dict[str, float | None]) -> str:
    span = "" if mean["low"] is None else f" [{100 * mean['low']:.1f}, {100 * (mean['high'] or 0.0):.1f}]"
    return f"{100 * (mean['value'] or 0.0):.1f}{span}"


def _tau(mean: dict[str, float | None] | None) -> str:
    if mean is None or mean["value"] is None:
        return "-"
    span = "" if mean["low"] is None else f" [{mean['low']:.2f}, {mean['high'] or 0.0:.2f}]"
    return f"{mean['value']:.2f}{span}"
