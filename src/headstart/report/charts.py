"""Charts as geometry: what the templates draw as SVG, in the units of the view box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.core.evaluation import Confusion, ReliabilityBin
from headstart.planning.results import LearningCurve
from headstart.report.axis import Axis
from headstart.training.learning_rate_finder import LearningRateCurve

MOST_CELLS = 30
"""Above so many classes a heatmap cannot be read, and the most frequent confusions are listed instead."""


@dataclass(frozen=True)
class Mark:
    """A point with its whisker and label; y grows downwards.

    Attributes:
        x: Horizontal place.
        y: Vertical place.
        top: Upper end of the whisker.
        bottom: Lower end of the whisker.
        label: What it says.
    """

    x: float
    y: float
    top: float
    bottom: float
    label: str


@dataclass(frozen=True)
class CurveChart:
    """A learning curve: measured marks, the fitted line up to now, and the forecast beyond.

    Attributes:
        width: Of the view box.
        height: Of the view box.
        left: Where the plot begins.
        bottom: Where it ends.
        y_ticks: Place and label.
        marks: What was measured.
        forecast: What four times the rows would give.
        line: Path of the fitted curve up to now.
        dashed: Path of its continuation.
    """

    width: float
    height: float
    left: float
    bottom: float
    y_ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    forecast: Mark
    line: str
    dashed: str


def curve_chart(curve: LearningCurve) -> CurveChart:
    """The drawing of a learning curve, on a logarithmic axis of rows."""
    width, height, left, right, top, bottom = 640.0, 270.0, 52.0, 600.0, 22.0, 226.0
    now = max(point.num_rows for point in curve.points)
    first = min(point.num_rows for point in curve.points)
    ends = [curve.four_times.low, curve.four_times.high, curve.four_times.value]
    spreads = [point.error + sign * point.spread for point in curve.points for sign in (-1, 1)]
    axis = Axis.over([*ends, *spreads], least=0.0, num_ticks=4)
    span = math.log(4 * now / first)

    def x(rows: float) -> float:
        return round(left + 24 + (right - left - 24) * math.log(rows / first) / span, 2)

    def y(error: float) -> float:
        return round(bottom - (bottom - top) * axis.at(error), 2)

    def path(start: float, stop: float) -> str:
        rows = [start * (stop / start) ** (step / 24) for step in range(25)]
        return "M" + " L".join(f"{x(each)} {y(curve.asymptote + curve.slope / math.sqrt(each))}" for each in rows)

    marks = tuple(
        Mark(x(one.num_rows), y(one.error), y(one.error + one.spread), y(one.error - one.spread), f"{one.num_rows:,}")
        for one in curve.points
    )
    four = curve.four_times
    forecast = Mark(x(4 * now), y(four.value), y(four.high), y(four.low), f"{4 * now:,}")
    ticks = tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks)
    return CurveChart(width, height, left, bottom, ticks, marks, forecast, path(first, now), path(now, 4 * now))


@dataclass(frozen=True)
class RateChart:
    """The loss at growing step sizes, and where the chosen one lies.

    Attributes:
        width: Of the view box.
        height: Of the view box.
        left: Where the plot begins.
        bottom: Where it ends.
        x_ticks: Place and label: powers of ten.
        y_ticks: Place and label.
        line: Path of the smoothed loss.
        chosen: The step size, whose whisker spans the plot.
    """

    width: float
    height: float
    left: float
    bottom: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    line: str
    chosen: Mark


def rate_chart(curve: LearningRateCurve) -> RateChart:
    """The drawing of a rate curve, on a logarithmic axis of step sizes; what lies above twice the first loss is cut off."""
    width, height, left, right, top, bottom = 640.0, 270.0, 52.0, 600.0, 22.0, 226.0
    ceiling = max(2 * curve.losses[0], 1.5 * min(curve.losses))
    axis = Axis.over([min(loss, ceiling) for loss in curve.losses], least=0.0, num_ticks=4)
    low, high = math.log10(min(curve.rates[0], curve.suggested)), math.log10(curve.rates[-1])
    span = (high - low) or 1.0

    def x(rate: float) -> float:
        return round(left + (right - left) * (math.log10(rate) - low) / span, 2)

    def y(loss: float) -> float:
        return round(bottom - (bottom - top) * axis.at(loss), 2)

    points = [f"{x(rate)} {y(loss)}" for rate, loss in zip(curve.rates, curve.losses, strict=True)]
    powers = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    x_ticks = tuple((x(10.0**power), f"{10.0**power:g}") for power in powers)
    y_ticks = tuple((y(tick), f"{tick:.3g}") for tick in axis.ticks)
    place = min(range(len(curve.rates)), key=lambda at: abs(math.log(curve.rates[at] / curve.suggested)))
    chosen = Mark(x(curve.suggested), y(curve.losses[place]), top, bottom, f"{curve.suggested:.2g}")
    return RateChart(width, height, left, bottom, x_ticks, y_ticks, "M" + " L".join(points), chosen)


@dataclass(frozen=True)
class ReliabilityDot:
    """A bin of a reliability plot.

    Attributes:
        x: Place of its mean confidence.
        y: Place of its accuracy.
        ideal: The y at which it would be calibrated.
        radius: Grows with the bin's number of images.
        label: What it says.
    """

    x: float
    y: float
    ideal: float
    radius: float
    label: str


def reliability_dots(bins: Sequence[ReliabilityBin], left: float, bottom: float, side: float) -> tuple[ReliabilityDot, ...]:
    """The bins as dots in a square of that side whose lower left corner is (left, bottom)."""
    largest = max((each.count for each in bins), default=1)
    return tuple(
        ReliabilityDot(
            round(left + side * each.confidence, 2),
            round(bottom - side * each.accuracy, 2),
            round(bottom - side * each.confidence, 2),
            round(2.5 + 2.5 * math.sqrt(each.count / largest), 2),
            f"{each.count:,} images: confidence {each.confidence:.1%}, accuracy {each.accuracy:.1%}",
        )
        for each in bins
    )


@dataclass(frozen=True)
class Cell:
    """A cell of the heatmap.

    Attributes:
        x: Left edge.
        y: Upper edge.
        share: Of its row, in [0, 1].
        right: Whether truth and prediction agree.
        count: Images.
        label: What it says.
    """

    x: float
    y: float
    share: float
    right: bool
    count: int
    label: str


@dataclass(frozen=True)
class Heatmap:
    """A confusion matrix drawn.

    Attributes:
        width: Of the view box.
        height: Of the view box.
        left: Where the cells begin.
        top: Where the cells begin.
        side: Of a cell.
        names: Class names, shortened.
        cells: Those with images.
    """

    width: float
    height: float
    left: float
    top: float
    side: float
    names: tuple[str, ...]
    cells: tuple[Cell, ...]


def heatmap(confusion: Confusion) -> Heatmap | None:
    """The drawing of a confusion matrix; None when it has too many classes to be read."""
    num = len(confusion.classes)
    if num > MOST_CELLS:
        return None
    side = float(min(84 if num <= 4 else 64, max(20, 600 // num)))
    names = tuple(shortened(name, 22) for name in confusion.classes)
    longest = max(map(len, names))
    left, top = 18 + 6.6 * longest, 26 + (5.0 * longest if num > 4 else 16.0)
    cells = tuple(
        Cell(
            left + column * side,
            top + row * side,
            count / max(1, sum(counts)),
            row == column,
            count,
            f"{confusion.classes[row]} predicted as {confusion.classes[column]}: {count:,} of {sum(counts):,}",
        )
        for row, counts in enumerate(confusion.counts)
        for column, count in enumerate(counts)
        if count
    )
    margin = 4.2 * longest if num > 4 else 12.0
    return Heatmap(left + side * num + margin, top + side * num + 6, left, top, side, names, cells)


@dataclass(frozen=True)
class Confused:
    """A pair of classes that is mixed up.

    Attributes:
        truth: True class.
        predicted: Predicted class.
        count: Images.
        share: Of the true class's images.
    """

    truth: str
    predicted: str
    count: int
    share: float


def top_confusions(confusion: Confusion, most: int = 20) -> tuple[Confused, ...]:
    """The most frequent mistakes, most frequent first."""
    pairs = [
        Confused(confusion.classes[row], confusion.classes[column], count, count / sum(counts))
        for row, counts in enumerate(confusion.counts)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.truth, pair.predicted))[:most])


def shortened(text: str, most: int) -> str:
    """Text cut to a length, with an ellipsis where something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"
