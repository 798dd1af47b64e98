"""What a notebook shows of a task, a plan, a run and of results."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.language import speaking
from headstart.evaluation.run_comparison import RunComparison, RunComparisons
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.report.notebook import html_of

NAMES = {
    "headstart",
    "inspect",
    "ridge",
    "pixels",
    "embedded",
    "own",
    "dark",
    "light",
    "shades",
    "png",
    "report",
    "html",
    "lt",
    "gt",
    "F",
    "net",
    "ECE",
    "AUROC",
    "False",
    "blocks",
    "flip",
    "views",
    "stages",
    "p",
}
"""Words that are names in every language: of a method, of files, of classes."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run on pictures of two shades, whose task has a class with markup in its name; and one on vectors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        draw = np.random.default_rng(0)
        for level, name in enumerate(("<dark>", "light")):
            Path("shades", name).mkdir(parents=True)
            for row in range(8):
                pixels = (80 * level + draw.integers(0, 150, (16, 16, 3))).astype(np.uint8)
                Image.fromarray(pixels).save(Path("shades", name, f"{row}.png"))
        features = draw.normal(size=(20, 3)) + 3 * (np.arange(20) % 2)[:, None]
        np.savez("vectors.npz", features=features, labels=np.arange(20) % 2)
        for place, out in (("shades", "own"), ("vectors.npz", "vectors")):
            pretrained = "pixels" if place == "shades" else None
            headstart.fit(place, method="ridge", pretrained=pretrained, out=out)
        yield headstart.read_task("shades"), headstart.Run.load("own"), headstart.Run.load("vectors")


def text_of(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S).split())


def test_a_task_shows_its_numbers_and_a_picture_of_each_class(home):
    page = home[0]._repr_html_()
    assert text_of(page).startswith("shades Classes 2: &lt;dark&gt;, light Labeled 16 images, 8 a class Test none")
    assert page.count("<img") == 2
    assert "<dark>" not in page


def test_a_task_shows_so_many_pictures_of_each_class_on_request(home, tmp_path):
    page = home[0].show(per_class=3)
    assert page.html.count("<img") == 6
    assert (
        str(page)
        == "Images of shades by class: a notebook shows them, `open()` a browser, and `write(FILE)` makes a file of HTML."
    )
    written = page.write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert written.startswith("<!doctype html>")
    assert page._repr_html_() in written
    with pytest.raises(DataError, match=r"^per_class = 0: ask for one image of a class or more\.$"):
        home[0].show(0)
    with pytest.raises(
        DataError, match=r"^vectors has feature vectors, which cannot be shown\. Read the task from its images\.$"
    ):
        headstart.read_task("vectors.npz").show()


def test_a_page_is_opened_in_the_browser(home, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert [home[0].show().open().as_uri()] == opened


def test_a_run_shows_its_accuracy_its_plan_and_pictures(home):
    run = home[1]
    page = run._repr_html_()
    assert f"{100 * run.evaluation.accuracy.value:.1f}%" in page
    assert "Fitted as planned" in page
    assert "ridge on pixels, 16 pixels" in text_of(page)
    assert 1 <= page.count("<img") <= 6
    assert "<img" not in home[2]._repr_html_()


def test_an_unfinished_run_says_so():
    shown = text_of(html_of(headstart.Run(Path("nowhere"))))
    assert shown == "nowhere This run is unfinished: the command that began it goes on with it."


def test_a_plan_an_evaluation_and_a_comparison_show_their_numbers(home):
    run = home[1]
    assert "ridge on pixels , 16 pixels" in text_of(run.plan._repr_html_())
    evaluation = text_of(run.evaluation._repr_html_())
    assert f"accuracy {run.evaluation.accuracy.value:.3f}" in evaluation
    assert "16 images, out of fold" in evaluation
    assert "own no difference 0.0 [0.0 to 0.0]" in text_of(headstart.compare(run, run)._repr_html_())
    without_labels = RunComparisons([RunComparison(run="own", verdict="not judged", paired=None, most_gain=0.125)])
    assert "own not judged ± 12.5%" in text_of(without_labels._repr_html_())


def made_ranking():
    half = Estimate(value=0.5, low=0.25, high=0.75)
    about = {"pretrained": "x", "weights": "pretrained", "scores": {}, "first_probability": 0.75, "estimate": half, "seconds": 1}
    candidates = tuple(RankedCandidate(name=name, baseline=name == "pixels", rank=1.5, **about) for name in ("net", "pixels"))
    return Ranking(candidates=candidates, chosen=("net",), distinguishable=True, sentence="The net leads.", num_images=7)


def test_a_ranking_shows_its_candidates_and_marks_baselines():
    page = made_ranking()._repr_html_()
    assert "1 net 50.0% [25.0–75.0%] 1.5 75%" in text_of(page)
    assert page.count('<tr class="dim">') == 1
    assert "The net leads." in page


def test_predictions_show_their_pictures_labels_and_errors(home):
    _, run, vectors = home
    rows = run.predict(["shades/light/0.png", "gone.png"])
    page = rows._repr_html_()
    assert page.count("<img") == 1
    assert f"{rows[0]['label']} {rows[0]['probability']:.0%}".replace("<", "&lt;").replace(">", "&gt;") in text_of(page)
    assert "gone.png: does not exist" in page
    assert "and 6 more" in run.predict([np.zeros((8, 8), np.uint8)] * 30)._repr_html_()
    assert "images[1]" in vectors.predict(np.zeros((2, 3)))._repr_html_()


def test_what_no_page_is_known_for_is_an_error():
    with pytest.raises(TypeError, match=r"^headstart\.report\.notebook does not say how a int looks\.$"):
        html_of(3)


def test_everything_is_shown_in_the_language_that_is_spoken(home):
    task, run, _ = home
    ranking = made_ranking().model_copy(update={"sentence": ""})
    compared = headstart.compare(run, run)
    with speaking("zh"):
        things = (task, task.show(), run, run.plan, run.evaluation, ranking, run.predict("shades"), compared)
        seen = " ".join(text_of(thing._repr_html_()) for thing in things)
    for said in ("类别", "张图片", "准确率", "折外", "置信区间", "个预测", "排名", "像素"):
        assert said in seen
    assert " ".join(sorted(set(re.findall("[A-Za-z]+", seen)) - NAMES)) == ""
