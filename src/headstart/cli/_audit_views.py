"""Tables beside a ranking: how well rankings did, the stages of networks, what sources add; each made from its JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.cli._printing import plain, said, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

MOST_SOURCES, MOST_LETTERS = 3, 11
"""Sources a table, and letters of their names, that 80 columns hold."""
MATRIX_TITLES = {
    "gain": "Points of accuracy that a source adds to the target's labels",
    "target_accuracy": "Accuracy of a probe on the source, on target labels, in per cent",
    "proxy_a": "Proxy A-distance of the source from the target",
}


def history_view(history: dict[str, Any]) -> RenderableType:
    """Each network with what always taking it would have cost, each score with its agreement, and the sentence."""
    from rich.console import Group

    networks = [
        (row["name"], *(f"{row[key]:,}" for key in ("num_runs", "num_first", "num_best")), _points(row["regret"]))
        for row in history["networks"]
    ]
    columns = ("network", "runs", "ranked first", "best", "points lost")
    by_score = ((name, _tau(tau)) for name, tau in history["by_score"].items())
    scores = [(said("the ranking"), _tau(history["weighted_tau"])), *by_score]
    return Group(
        table(columns, networks, right=columns[1:], title="Networks by real fits, had each always been taken"),
        "",
        table(("order by", "weighted tau"), scores, right=("weighted tau",), title="Agreement with real fits"),
        "",
        said(history["sentence"], style="bold"),
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


def matrix_view(matrix: Sequence[dict[str, Any]]) -> RenderableType:
    """What each source adds by each network, in as many tables as 80 columns need."""
    from rich.console import Group

    key = next(kind for kind in MATRIX_TITLES if any(cell[kind] is not None for row in matrix for cell in row["cells"]))
    blocks: list[RenderableType] = [said(MATRIX_TITLES[key], style="bold")]
    for begin in range(0, len(matrix[0]["cells"]), MOST_SOURCES):
        part = slice(begin, begin + MOST_SOURCES)
        columns = [_shortened(cell["source"]) for cell in matrix[0]["cells"][part]]
        rows = [
            (
                row["network"],
                *([f"{100 * row['alone']:.1f}"] if key == "gain" else []),
                *(_cell(key, cell[key]) for cell in row["cells"][part]),
            )
            for row in matrix
        ]
        heads = ["alone", *columns] if key == "gain" else columns
        blocks += [table(("network", *heads), rows, right=heads), ""]
    return Group(*blocks[:-1])


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key == "gain":
        return f"{100 * value['value']:+.1f}"
    return f"{100 * value:.1f}" if key == "target_accuracy" else f"{value:.2f}"


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _points(mean: dict[str, float | None]) -> str:
    span = "" if mean["low"] is None else f" [{100 * mean['low']:.1f}, {100 * (mean['high'] or 0.0):.1f}]"
    return f"{100 * (mean['value'] or 0.0):.1f}{span}"


def _tau(mean: dict[str, float | None] | None) -> str:
    if mean is None or mean["value"] is None:
        return "-"
    span = "" if mean["low"] is None else f" [{mean['low']:.2f}, {mean['high'] or 0.0:.2f}]"
    return f"{mean['value']:.2f}{span}"
