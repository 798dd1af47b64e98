import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from headstart.report.html import headline, report_html, write_report

VOID = {"meta", "br", "img"}
EMPTY_SVG = {"line", "circle", "rect", "path"}
SECTIONS = [
    "data",
    "ranking",
    "ladder",
    "curve",
    "results",
    "confusion",
    "calibration",
    "pictures",
    "cost",
    "use",
    "rejected",
    "environment",
]


class Balance(HTMLParser):
    """Checks that every element is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.references, self.unlabeled = [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.references += [value for key, value in found.items() if key in ("src", "href", "xlink:href")]
        self.ids += [found["id"]] if "id" in found else []
        if (tag == "img" and not found.get("alt")) or (tag == "svg" and not found.get("aria-label")):
            self.unlabeled.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in EMPTY_SVG | VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.mark.parametrize("num_classes", [2, 3, 100])
def test_page_is_well_formed_whole_and_needs_nothing_else(make_run, num_classes):
    run, task = make_run(tuple(f"class {index}" for index in range(num_classes)), per_class=5, pixels=16)
    page = report_html(run, task)
    found = parsed(page)
    assert found.ids == SECTIONS
    assert all(reference.startswith(("#", "data:image/")) for reference in found.references)
    assert {reference[1:] for reference in found.references if reference.startswith("#")} <= set(SECTIONS)
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"https?://", page)
    assert found.unlabeled == []


def test_verdict_and_its_evidence_come_first(make_run):
    run, task = make_run()
    page = report_html(run, task)
    top = page[: page.index('id="data"')]
    assert "<h1>Transfer from efficientnet_lite1</h1>" in top
    assert "+18.8 <small>points</small>" in top
    assert f"on {run.evaluation.num_images} images" in top
    assert f"{run.evaluation.accuracy.value:.1%}" in top


def test_names_from_users_are_escaped(make_run):
    run, task = make_run(("cup", 'x" onload="alert(1)', "<script>alert(2)</script>"))
    run = replace(run, task_summary=run.task_summary.model_copy(update={"name": "<img src=x>", "place": "a & b"}))
    page = report_html(run, task)
    parsed(page)
    assert "<script" not in page
    assert "<img src=x>" not in page
    assert ' onload="alert' not in page
    assert "a &amp; b" in page


def test_missing_parts_are_said_in_words(make_run):
    run, _ = make_run()
    bare = replace(run, ranking=None, decision=None, evaluation=None, predictions=None, findings=(), seconds={}, environment={})
    page = report_html(bare)
    assert parsed(page).ids == SECTIONS
    for sentence in (
        "Nothing to report about the data.",
        "No ranking was made: the plan names the model to transfer from.",
        "Nothing was tried against this plan: it was written by hand.",
        "No learning curve: there are too few labeled images to draw one, or nothing was decided.",
        "There are no labeled test images, so nothing is known about how good the model is on new images.",
        "No image was evaluated.",
        "No times were kept.",
        "Nothing was rejected: nothing else was looked at.",
        "No environment was recorded.",
    ):
        assert sentence in page


def test_data_that_were_not_inspected_are_not_said_to_be_in_order(make_run):
    run, task = make_run()
    page = report_html(replace(run, findings=None), task)
    assert "The data were not inspected here." in page
    assert "Nothing to report about the data." not in page


def test_out_of_fold_numbers_are_not_called_test_numbers(make_run):
    run, task = make_run()
    page = report_html(replace(run, evaluation=run.evaluation.model_copy(update={"split": "out of fold"})), task)
    assert "Accuracy, out of fold" in page
    assert "Test accuracy" not in page
    assert "There is no test split" in page


def test_without_the_task_pictures_are_said_to_be_absent(make_run):
    run, _ = make_run()
    page = report_html(run)
    assert "picture not<br>at hand" in page
    assert "data:image" not in page


def test_every_candidate_is_shown_with_its_reason(make_run):
    run, task = make_run()
    page = report_html(run, task)
    for rung in run.decision.rungs:
        assert rung.name in page
        assert rung.reason in page
    assert page.count(">chosen<") == 1
    assert page.count(">canary<") == 4


def test_findings_keep_their_evidence(make_run):
    run, task = make_run()
    page = report_html(run, task)
    assert "photos/shelf/cup/img_0042.jpg, photos/shelf/cup/&lt;odd&gt;.jpg" in page
    assert page.index("unreadable-image") < page.index("near-duplicates")


def test_many_classes_list_confusions_and_fold_the_strong_ones(make_run):
    run, task = make_run(tuple(f"class {index}" for index in range(100)), per_class=5, pixels=16)
    page = report_html(run, task)
    assert "Most frequent confusions; a matrix of 100 classes cannot be read" in page
    assert "The 15 weakest classes" in page
    assert "The other 85 classes" in page


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("transfer", "Transfer from efficientnet_lite1"),
        ("scratch", "Train from scratch"),
        ("no difference", "No difference that these labels can show"),
    ],
)
def test_headline_says_the_verdict(make_run, verdict, text):
    run, _ = make_run()
    assert headline(replace(run, decision=run.decision.model_copy(update={"verdict": verdict}))) == text
    assert headline(replace(run, decision=None)) == "Fitted as planned"


def test_writing_is_the_same_text_again(make_run, tmp_path):
    run, task = make_run()
    path = tmp_path / "deep" / "report.html"
    write_report(run, path, task)
    assert path.read_text(encoding="utf-8") == report_html(run, task)
