"""Charts of a stress test: accuracy by strength, one small chart a corruption, all on one scale."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.data.corruptions import title_of
from headstart.data.corruptions.base import FAMILIES
from headstart.evaluation.stress import Stress, StressRow
from headstart.report.axis import Axis
from headstart.report.charts import Mark, Plot

LEFT, RIGHT, TOP, BOTTOM = 44.0, 290.0, 14.0, 124.0
WIDTH, HEIGHT = 300.0, 150.0
"""Of the view box of a small chart."""
LONGEST_LABEL = 5
"""Letters of a level that have room below a mark; where one has more, strengths are shown."""


@dataclass(frozen=True)
class CorruptionChart:
    """One corruption: its title, its rows, and the accuracy by strength as a chart, with that on clean pictures dashed."""

    title: str
    rows: tuple[StressRow, ...]
    plot: Plot


def stress_charts(stress: Stress) -> dict[str, list[CorruptionChart]]:
    """The charts of each family, in the order of the families."""
    everything = (stress.clean, *stress.rows)
    ends = [end for row in everything for end in (row.accuracy.low, row.accuracy.high)]
    axis = Axis.over(ends, least=0.0, most=1.0, num_ticks=4)
    by_name: dict[str, list[StressRow]] = {}
    for row in stress.rows:
        by_name.setdefault(row.corruption, []).append(row)
    found: dict[str, list[CorruptionChart]] = {}
    for family in FAMILIES:
        own = [rows for rows in by_name.values() if rows[0].family == family]
        if own:
            found[family] = [
                CorruptionChart(title_of(rows[0].corruption), tuple(rows), _plot(axis, stress.clean, rows)) for rows in own
            ]
    return found


def _plot(axis: Axis, clean: StressRow, rows: list[StressRow]) -> Plot:
    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * axis.at(value), 2)

    step, short = (RIGHT - LEFT) / len(rows), all(len(row.level) <= LONGEST_LABEL for row in rows)
    marks = tuple(
        Mark(
            round(LEFT + step * (place + 0.5), 2),
            y(row.accuracy.value),
            y(row.accuracy.high),
            y(row.accuracy.low),
            row.level if short else str(row.strength),
        )
        for place, row in enumerate(rows)
    )
    line = "M" + " L".join(f"{mark.x} {mark.y}" for mark in marks)
    level = y(clean.accuracy.value)
    return Plot(
        tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks),
        line,
        marks=marks,
        dashed=f"M{LEFT} {level} L{RIGHT} {level}",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        bottom=BOTTOM,
    )
