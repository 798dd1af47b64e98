from itertools import pairwise

import pytest

from headstart.core.estimate import Estimate
from headstart.core.evaluation import Confusion, ReliabilityBin, SelectivePoint
from headstart.planning.label_budget import CurvePoint, ExpectedError, Forecast, LearningCurve
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.ranking.stage_scores import StageScore
from headstart.report.charts import (
    curve_chart,
    heatmap,
    rate_chart,
    reliability_dots,
    selective_chart,
    shortened,
    stages_chart,
    top_confusions,
)
from headstart.training.learning_rate_finder import LearningRateCurve

CONFUSION = Confusion(classes=("cup", "dog", "fish"), counts=((7, 0, 2), (1, 11, 0), (0, 3, 5)))


def test_heatmap_has_one_cell_for_each_pair_with_images():
    heat = heatmap(CONFUSION)
    assert [(cell.count, cell.right) for cell in heat.cells] == [
        (7, True),
        (2, False),
        (1, False),
        (11, True),
        (3, False),
        (5, True),
    ]
    assert heat.cells[1].share == pytest.approx(2 / 9)
    assert heat.cells[1].label == "cup predicted as fish: 2 of 9"
    assert all(heat.left <= cell.x <= heat.width - heat.side and cell.y <= heat.height - heat.side for cell in heat.cells)


def test_a_heatmap_of_many_classes_is_refused():
    names = tuple(map(str, range(31)))
    assert heatmap(Confusion(classes=names, counts=tuple((0,) * 31 for _ in names))) is None


def test_confusions_come_most_frequent_first_without_right_ones():
    pairs = top_confusions(CONFUSION, most=2)
    assert [(pair.truth, pair.predicted, pair.count) for pair in pairs] == [("fish", "dog", 3), ("cup", "fish", 2)]
    assert pairs[0].share == pytest.approx(3 / 8)


def test_curve_falls_to_the_right_and_forecasts_twice_and_four_times_the_rows():
    def around(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.01, high=value + 0.02)

    points = tuple(CurvePoint(num_rows=rows, error=error, std=0.01) for rows, error in ((50, 0.2), (100, 0.15), (200, 0.1)))
    sizes = (50, 100, 250, 500, 1_000)
    curve = LearningCurve(
        points=points, recipe="ridge", exact=True, num_labels=250, now=around(0.09), sentence="",
        forecasts=tuple(
            Forecast(factor=factor, num_labels=round(250 * factor), accuracy=around(0.97), gain=around(0.06))
            for factor in (1.5, 2, 4)
        ),
        expected=tuple(ExpectedError(num_labels=size, error=around(1.41 / size**0.5)) for size in sizes),
    )  # fmt: skip
    chart = curve_chart(curve)
    assert [mark.label for mark in chart.marks] == ["50", "100", "200"]
    assert [mark.y for mark in chart.marks] == sorted(mark.y for mark in chart.marks)
    assert [(mark.label, mark.caption) for mark in chart.forecasts] == [("500", "twice"), ("1,000", "four times")]
    assert chart.forecasts[1].x > chart.forecasts[0].x > chart.marks[-1].x
    assert chart.forecasts[1].top < chart.forecasts[1].y < chart.forecasts[1].bottom
    assert chart.marks[1].x - chart.marks[0].x == pytest.approx(chart.marks[2].x - chart.marks[1].x, abs=0.02)
    assert (chart.line.count("L"), chart.dashed.count("L"), chart.band.count("L")) == (2, 2, 9)


def test_a_rate_curve_is_drawn_by_powers_of_ten_and_marks_the_choice():
    curve = LearningRateCurve(learning_rates=(0.001, 0.01, 0.1, 1.0), losses=(2.0, 1.0, 1.5, 40.0), suggested=0.01, before=0.3)
    chart = rate_chart(curve)
    assert [label for _, label in chart.x_ticks] == ["0.001", "0.01", "0.1", "1"]
    places = [x for x, _ in chart.x_ticks]
    assert {round(second - first, 1) for first, second in pairwise(places)} == {182.7}
    points = [tuple(map(float, point.split())) for point in chart.line.removeprefix("M").split(" L")]
    assert [x for x, _ in points] == places
    heights = [chart.bottom - y for _, y in points]
    assert heights[1] < heights[2] < heights[0] < heights[3]
    assert max(float(label) for _, label in chart.y_ticks) == 4  # twice the first loss, though the last is 40
    assert points[3][1] >= chart.highlight.top  # what breaks away stays in the picture
    assert (chart.highlight.x, chart.highlight.y, chart.highlight.caption) == (*points[1], "0.01")


def test_a_choice_below_the_tested_rates_is_in_the_picture():
    chart = rate_chart(LearningRateCurve(learning_rates=(0.001,), losses=(2.0,), suggested=0.0001, before=0.3))
    assert chart.highlight.x == chart.left
    assert [label for _, label in chart.x_ticks] == ["0.0001", "0.001"]


def test_dots_below_the_diagonal_are_overconfident():
    low, high = reliability_dots(
        [ReliabilityBin(count=40, confidence=0.8, accuracy=0.5), ReliabilityBin(count=10, confidence=0.9, accuracy=1.0)],
        40,
        236,
        220,
    )
    assert low.y > low.ideal
    assert high.y < high.ideal
    assert low.radius > high.radius


def test_long_names_are_shortened():
    assert (shortened("mushroom", 8), shortened("mushrooms", 8)) == ("mushroom", "mushroo…")


def stages_of(*accuracies):
    return tuple(
        StageScore(
            name=f"blocks.{place}", num_features=3, accuracy=Estimate(value=value, low=value - 0.1, high=value + 0.1),
            scores={}, among_best=True,
        )
        for place, value in enumerate(accuracies)
    )  # fmt: skip


def ranked(name, weights, stages, baseline=False):
    return RankedCandidate(
        name=name, pretrained="net", weights=weights, baseline=baseline, scores={}, rank=1.0, first_probability=1.0,
        estimate=Estimate(value=0.9, low=0.8, high=1.0), seconds=1.0, stages=stages,
    )  # fmt: skip


def test_stages_of_the_leader_are_drawn_over_those_of_random_weights():
    leader, random = ranked("net", "pretrained", stages_of(0.5, 0.8, 0.7)), ranked("r", "none", stages_of(0.4, 0.45, 0.3), True)
    ranking = Ranking(candidates=(random, leader), chosen=("net",), distinguishable=True, sentence="", num_images=9)
    plot = stages_chart(ranking)
    assert [(mark.label, mark.caption) for mark in plot.marks] == [("1", "blocks.0"), ("2", "blocks.1"), ("3", "blocks.2")]
    assert plot.marks[1].y < plot.marks[2].y < plot.marks[0].y
    assert all(mark.top < mark.y < mark.bottom for mark in plot.marks)
    assert plot.dashed.count(" L") == plot.line.count(" L") == 2
    alone = ranking.model_copy(update={"candidates": (leader,)})
    assert stages_chart(alone).dashed == ""
    assert stages_chart(ranking.model_copy(update={"candidates": (ranked("net", "pretrained", ()),)})) is None


def test_the_curve_of_what_is_answered_has_a_whisker_at_each_share_of_images():
    estimate = Estimate(value=0.9, low=0.8, high=1.0)
    points = [SelectivePoint(coverage=share, threshold=0.5, num_images=20, accuracy=estimate) for share in (0.5, 1.0)]
    chart = selective_chart(points)
    assert [text for _, text in chart.x_ticks] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert [mark.x for mark in chart.marks] == [(chart.x_ticks[0][0] + chart.x_ticks[-1][0]) / 2, chart.x_ticks[-1][0]]
    assert chart.marks[0].top < chart.marks[0].y < chart.marks[0].bottom
    assert chart.y_ticks[-1] == (chart.marks[0].top, "100%")
