"""Tables of how well rankings did, and of the stages of ranked networks, each made from its JSON form."""

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


def stages_view(ranking: dict[str, Any]) -> RenderableType:
    """Each network's leave-one-out accuracy by each stage alone, in per cent; what is among its best is bold."""
    known = [row for row in ranking["candidates"] if row["stages"]]
    num = max(len(row["stages"]) for row in known)
    rows = []
    for row in known:
        cells = [
            plain(f"{100 * stage['accuracy']['value']:.0f}", "bold" if stage["among_best"] else "dim") for stage in row["stages"]
        ]
        rows.append((row["name"], *cells, *[""] * (num - len(cells))))
    columns = [str(place) for place in range(1, num + 1)]
    return table(("stage", *columns), rows, right=columns, title="Accuracy in per cent by each stage alone")


def _points(mean: dict[str, float | None]) -> str:
    span = "" if mean["low"] is None else f" [{100 * mean['low']:.1f}, {100 * (mean['high'] or 0.0):.1f}]"
    return f"{100 * (mean['value'] or 0.0):.1f}{span}"


def _tau(mean: dict[str, float | None] | None) -> str:
    if mean is None or mean["value"] is None:
        return "-"
    span = "" if mean["low"] is None else f" [{mean['low']:.2f}, {mean['high'] or 0.0:.2f}]"
    return f"{mean['value']:.2f}{span}"
