"""Charts as geometry: what the templates draw as SVG, in units of the view box; y grows downwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headstart.core.evaluation import Confusion, ReliabilityBin, SelectivePoint
from headstart.evaluation.episodes import EpisodeAccuracy
from headstart.planning.label_budget import Forecast, LearningCurve
from headstart.planning.ranking.ranking import Ranking
from headstart.report.axis import Axis
from headstart.training.learning_rate_finder import LearningRateCurve

MOST_CELLS = 30
"""A heatmap of more classes cannot be read, and the most frequent confusions are listed instead."""
LEFT, RIGHT, TOP, BOTTOM = 52.0, 600.0, 22.0, 226.0
"""Sides of the plot within a chart."""


@dataclass(frozen=True)
class Mark:
    """A point with a whisker from `top` to `bottom`, its label below the plot, and a second line below that."""

    x: float
    y: float
    top: float
    bottom: float
    label: str
    caption: str = ""


@dataclass(frozen=True)
class Plot:
    """Values over numbers of images, or over learning rates.

    Attributes:
        y_ticks: Place and label.
        line: Path of the values.
        x_ticks: Place and label, where the marks do not label the axis.
        marks: What was measured.
        dashed: Path of the line's continuation.
        highlight: What the chart is drawn for.
        forecasts: What is expected elsewhere.
        band: Closed path around the interval of the line.
    """

    y_ticks: tuple[tuple[float, str], ...]
    line: str
    x_ticks: tuple[tuple[float, str], ...] = ()
    marks: tuple[Mark, ...] = ()
    dashed: str = ""
    highlight: Mark | None = None
    forecasts: tuple[Mark, ...] = ()
    band: str = ""
    width: float = 640.0
    height: float = 270.0
    left: float = LEFT
    bottom: float = BOTTOM


def _height_on(axis: Axis) -> Callable[[float], float]:
    return lambda value: round(BOTTOM - (BOTTOM - TOP) * axis.at(value), 2)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x} {y}" for x, y in points)


def curve_chart(curve: LearningCurve) -> Plot:
    """A learning curve on a logarithmic axis: measured errors, the fitted line with its interval, and forecasts beyond now."""
    last = curve.forecasts[-1].num_labels
    first = min([point.num_rows for point in curve.points] + [curve.expected[0].num_labels])
    errors = [point.error + sign * point.std for point in curve.points for sign in (-1, 1)]
    axis = Axis.over([end for one in curve.expected for end in (one.error.low, one.error.high)] + errors, least=0.0, num_ticks=4)
    y = _height_on(axis)

    def x(rows: float) -> float:
        return round(LEFT + 24 + (RIGHT - LEFT - 24) * math.log(rows / first) / math.log(last / first), 2)

    def forecast(one: Forecast, caption: str) -> Mark:
        low, high = 1 - one.accuracy.high, 1 - one.accuracy.low
        return Mark(x(one.num_labels), y(1 - one.accuracy.value), y(high), y(low), f"{one.num_labels:,}", caption)

    marks = tuple(
        Mark(x(one.num_rows), y(one.error), y(one.error + one.std), y(one.error - one.std), f"{one.num_rows:,}")
        for one in curve.points
    )
    line = [(x(one.num_labels), y(one.error.value)) for one in curve.expected]
    known = sum(one.num_labels <= curve.num_labels for one in curve.expected)
    ends = [(x(one.num_labels), y(one.error.low)) for one in curve.expected]
    ends += [(x(one.num_labels), y(one.error.high)) for one in reversed(curve.expected)]
    twice = tuple(forecast(one, "twice") for one in curve.forecasts if one.factor == 2)
    return Plot(
        tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks),
        _path(line[: max(known, 1)]),
        marks=marks,
        dashed=_path(line[max(known, 1) - 1 :]),
        forecasts=(*twice, forecast(curve.last, "four times")),
        band=_path(ends) + "Z",
    )


def rate_chart(curve: LearningRateCurve) -> Plot:
    """The smoothed loss on a logarithmic axis of learning rates; losses above twice the first one are cut off."""
    ceiling = max(2 * curve.losses[0], 1.5 * min(curve.losses))
    axis = Axis.over([min(loss, ceiling) for loss in curve.losses], least=0.0, num_ticks=4)
    y = _height_on(axis)
    low, high = math.log10(min(curve.learning_rates[0], curve.suggested)), math.log10(curve.learning_rates[-1])

    def x(rate: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (math.log10(rate) - low) / ((high - low) or 1.0), 2)

    powers = [10.0**power for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    nearest = min(range(len(curve.learning_rates)), key=lambda at: abs(math.log(curve.learning_rates[at] / curve.suggested)))
    return Plot(
        tuple((y(tick), f"{tick:.3g}") for tick in axis.ticks),
        _path([(x(rate), y(loss)) for rate, loss in zip(curve.learning_rates, curve.losses, strict=True)]),
        x_ticks=tuple((x(power), f"{power:g}") for power in powers),
        highlight=Mark(x(curve.suggested), y(curve.losses[nearest]), TOP, BOTTOM, "", f"{curve.suggested:.2g}"),
    )


def shots_chart(points: Sequence[EpisodeAccuracy]) -> Plot:
    """Accuracy by images a class, at equal distances; whiskers span nine of ten support sets."""
    axis = Axis.over([end for point in points for end in (point.low, point.high)], least=0.0, most=1.0, num_ticks=4)
    y, step = _height_on(axis), (RIGHT - LEFT) / len(points)
    marks = tuple(
        Mark(round(LEFT + step * (place + 0.5), 2), y(point.accuracy.value), y(point.high), y(point.low), str(point.shots))
        for place, point in enumerate(points)
    )
    ticks = tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks)
    return Plot(ticks, _path([(mark.x, mark.y) for mark in marks]), marks=marks)


def selective_chart(points: Sequence[SelectivePoint]) -> Plot:
    """Accuracy by the share of images that are answered, the most certain ones first; whiskers are 95 % intervals."""
    axis = Axis.over([end for point in points for end in (point.accuracy.low, point.accuracy.high)], most=1.0, num_ticks=4)
    y = _height_on(axis)

    def x(coverage: float) -> float:
        return round(LEFT + 12 + (RIGHT - LEFT - 12) * coverage, 2)

    marks = tuple(Mark(x(one.coverage), y(one.accuracy.value), y(one.accuracy.high), y(one.accuracy.low), "") for one in points)
    return Plot(
        tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks),
        _path([(mark.x, mark.y) for mark in marks]),
        x_ticks=tuple((x(tick / 5), f"{20 * tick}%") for tick in range(6)),
        marks=marks,
    )


def stages_chart(ranking: Ranking) -> Plot | None:
    """Leave-one-out accuracy by each stage of the leading network alone, with that of random weights dashed.

    None where no stages are known.
    """
    leader = next((one for one in ranking.candidates if not one.baseline), None)
    if leader is None or not leader.stages:
        return None
    random = next((one for one in ranking.candidates if one.weights == "none" and one.pretrained == leader.pretrained), leader)
    lines = [[stage.accuracy for stage in one.stages] for one in (leader, random)]
    axis = Axis.over([end for line in lines for one in line for end in (one.low, one.high)], least=0.0, most=1.0, num_ticks=4)
    y, step = _height_on(axis), (RIGHT - LEFT) / len(leader.stages)
    places = [round(LEFT + step * (place + 0.5), 2) for place in range(len(leader.stages))]
    marks = tuple(
        Mark(x, y(one.accuracy.value), y(one.accuracy.high), y(one.accuracy.low), str(place), shortened(one.name, 12))
        for place, (x, one) in enumerate(zip(places, leader.stages, strict=True), start=1)
    )
    paths = [_path([(x, y(one.value)) for x, one in zip(places, line, strict=True)]) for line in lines]
    ticks = tuple((y(tick), f"{100 * tick:.3g}%") for tick in axis.ticks)
    return Plot(ticks, paths[0], marks=marks, dashed=paths[1] if random is not leader else "")


@dataclass(frozen=True)
class ReliabilityDot:
    """A bin of a reliability plot; `ideal` is the y at which it would be calibrated."""

    x: float
    y: float
    ideal: float
    radius: float
    label: str


def reliability_dots(bins: Sequence[ReliabilityBin], left: float, bottom: float, side: float) -> tuple[ReliabilityDot, ...]:
    """The bins in a square of that side whose lower left corner is (left, bottom); larger bins have larger dots."""
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
    """A cell of the heatmap with its upper left corner and its share of the row; `right` where truth and prediction agree."""

    x: float
    y: float
    share: float
    right: bool
    count: int
    label: str


@dataclass(frozen=True)
class Heatmap:
    """A confusion matrix: shortened class names, and square cells from (left, top) on; cells without images are left out."""

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
    """A pair of classes that is confused: number of images, and their share of the true class's images."""

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
