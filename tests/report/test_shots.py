from __future__ import annotations

import re

from headstart.core.estimate import Estimate
from headstart.evaluation.episodes import EpisodeAccuracy
from headstart.gallery.shots import ShotsCurve
from headstart.report.charts import shots_chart
from headstart.report.pages import write_shots


def point(shots: int, value: float, low: float, high: float) -> EpisodeAccuracy:
    accuracy = Estimate(value=value, low=value - 0.01, high=value + 0.01)
    return EpisodeAccuracy(ways=5, shots=shots, num_episodes=200, accuracy=accuracy, low=low, high=high)


POINTS = (point(1, 0.5, 0.2, 0.75), point(5, 0.8, 0.6, 1.0))


def test_more_is_higher_and_whiskers_span_the_spread() -> None:
    chart = shots_chart(POINTS)
    one, five = chart.marks
    assert (one.label, five.label) == ("1", "5")
    assert one.x < five.x
    assert five.y < one.y
    assert all(mark.top < mark.y < mark.bottom for mark in chart.marks)
    share = (one.bottom - one.y) / (one.bottom - one.top)
    assert abs(share - (0.5 - 0.2) / (0.75 - 0.2)) < 1e-3
    assert chart.line == f"M{one.x} {one.y} L{five.x} {five.y}"
    assert chart.y_ticks[-1][1] == "100%"


def test_the_page_holds_the_drawing_and_the_numbers_and_loads_nothing(tmp_path) -> None:
    curve = ShotsCurve(name="<flowers>", pretrained="net", points=POINTS, sentence="It says so.")
    write_shots(curve, tmp_path / "shots.html")
    page = (tmp_path / "shots.html").read_text(encoding="utf-8")
    assert page.count("<circle") == 2
    assert "&lt;flowers&gt;" in page
    assert "<flowers>" not in page
    assert re.search(r"80\.0%</td>.*60\.0%–100\.0%", page)
    assert not re.search(r'(src|href)="http', page)
