"""Accuracy by images a class as a page of its own: a drawing and the table of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from headstart.core.records import write_atomically
from headstart.evaluation.episodes import EpisodeAccuracy
from headstart.gallery.shots import ShotsCurve
from headstart.report.axis import Axis
from headstart.report.charts import Mark
from headstart.report.numbers import FILTERS


@dataclass(frozen=True)
class ShotsChart:
    """Accuracy by images a class; whiskers span nine of ten support sets.

    Attributes:
        width: Of the view box.
        height: Of the view box.
        left: Where the plot begins.
        bottom: Where it ends.
        y_ticks: Place and label.
        marks: One a number of images, labeled with it.
        line: Path through the marks.
    """

    width: float
    height: float
    left: float
    bottom: float
    y_ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    line: str


def shots_chart(points: Sequence[EpisodeAccuracy]) -> ShotsChart:
    """The drawing of a curve; numbers of images stand at equal distances."""
    width, height, left, right, top, bottom = 640.0, 270.0, 52.0, 600.0, 22.0, 226.0
    axis = Axis.over([end for point in points for end in (point.low, point.high)], least=0.0, most=1.0, num_ticks=4)

    def y(accuracy: float) -> float:
        return round(bottom - (bottom - top) * axis.at(accuracy), 2)

    step = (right - left) / len(points)
    marks = tuple(
        Mark(round(left + step * (place + 0.5), 2), y(point.accuracy.value), y(point.high), y(point.low), str(point.shots))
        for place, point in enumerate(points)
    )
    ticks = tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks)
    line = "M" + " L".join(f"{mark.x} {mark.y}" for mark in marks)
    return ShotsChart(width, height, left, bottom, ticks, marks, line)


def write_shots(curve: ShotsCurve, path: Path) -> None:
    """Write a curve as one HTML file that loads nothing.

    Args:
        curve: What is drawn.
        path: The file.

    Raises:
        ExportError: The file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("headstart.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS)
    write_atomically(path, environment.get_template("shots.html.j2").render(curve=curve, chart=shots_chart(curve.points)))
