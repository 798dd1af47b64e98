import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.language import speaking
from headstart.evaluation.extension import Extension
from headstart.evaluation.pseudo_label_audit import pseudo_label_audit
from headstart.planning.improving.adjustment import Adjustment, Change, Trial
from headstart.planning.plan import Partner
from headstart.planning.results import Comparison
from headstart.report.html import headline, report_html
from headstart.training.learning_rate_finder import LearningRateCurve

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "img"}
EMPTY_SVG = {"line", "circle", "rect", "path"}
SECTIONS = [
    "data",
    "ranking",
    "trials",
    "curve",
    "results",
    "confusion",
    "calibration",
    "pictures",
    "certainty",
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

    @property
    def sections(self):
        return [one for one in self.ids if not one.startswith("term-")]

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
    assert found.sections == SECTIONS
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


def test_a_run_that_ended_before_its_ranking_says_so(make_run):
    run, task = make_run(("cup", "dog"), per_class=5, pixels=16)
    decision = run.decision.model_copy(update={"stopped": "over"})
    assert "No ranking was made: trying ended before." in report_html(replace(run, ranking=None, decision=decision), task)


def test_missing_parts_are_said_in_words(make_run):
    run, _ = make_run()
    bare = replace(run, ranking=None, decision=None, evaluation=None, predictions=None, findings=(), seconds={}, environment={})
    page = report_html(bare)
    assert parsed(page).sections == SECTIONS
    for sentence in (
        "Nothing to report about the data.",
        "No ranking was made: the plan names the network to start from.",
        "Nothing was tried against this plan: it was written by hand.",
        "No learning curve: nothing was decided in this run.",
        "There are no labeled test images, so the accuracy on new images is not known.",
        "No image was evaluated.",
        "No times were kept.",
        "Nothing was rejected: there was no other candidate.",
        "No environment was recorded.",
    ):
        assert sentence in page


CHANGED = "training.epochs 2 -> 12"


def adjustment_of(run):
    """Too few epochs were found and mended; a smaller step size was no better."""
    gain = Estimate(value=0.118, low=0.061, high=0.177)
    kept = Trial(
        rule="too_few_epochs",
        reason="The loss still fell <fast> at the end.",
        changes=(Change(field="training.epochs", before=2, after=12),),
        outcome="kept",
        sentence="better beyond noise",
        comparison=Comparison(
            better=CHANGED, worse="the plan before", accuracy_gain=gain, log_loss_gain=gain, p_value=0.0031, significant=True,
            num_rows=211,
        ),
    )  # fmt: skip
    failed = Trial(
        rule="unsteady_loss",
        reason="The loss jumped.",
        changes=(Change(field="training.lr", before=0.1, after=0.03),),
        outcome="failed",
        sentence="loss became nan at step 7",
    )
    advice = Finding(code="label-noise", severity="warning", title="Some labels look wrong.", advice="Look at them.")
    return Adjustment(parent="runs/first <one>", minutes=2, plan=run.plan, trials=(kept, failed), advice=(advice,))


def test_an_adjusted_run_says_what_changed_why_and_by_which_test(make_run, section_of):
    run, task = make_run()
    adjusted = replace(run, decision=None, ranking=None, adjustment=adjustment_of(run))
    page = report_html(adjusted, task)
    parsed(page)
    assert "<h1>Adjusted from first &lt;one&gt;</h1>" in page
    section = section_of(page, "adjustment")
    for text in (
        "The plan was changed: training.epochs 2 -&gt; 12.", "too few epochs", "The loss still fell &lt;fast&gt; at the end.",
        "+11.8", "+6.1 to +17.7", "0.0031", "211 shared held-out images", "loss became nan at step 7", "Some labels look wrong.",
        "runs/first &lt;one&gt;",
    ):  # fmt: skip
        assert text in section, text
    assert "better beyond noise" in page[: page.index('id="data"')]
    assert "written by hand" not in page
    assert "fitted as it stands" not in page
    assert 'href="#adjustment"' in page


def test_an_extended_run_is_not_said_to_be_planned_by_hand(make_run):
    run, task = make_run()
    extension = Extension(
        parent="runs/first", place="photos/more", fingerprint="0123", added=("mug",), num_learned=1, num_held_out=7,
        with_old_images=True, old=None, new=run.evaluation.accuracy,
    )  # fmt: skip
    extended = replace(run, decision=None, ranking=None, seconds={"fit": 0.0}, extension=extension)
    page = report_html(extended, task)
    parsed(page)
    assert "<h1>Extended from first</h1>" in page
    assert "1 image of photos/more, 1 new class." in page
    assert "the plan is that of runs/first, whose report says what was tried." in page
    assert "written by hand" not in page
    assert "fitted as it stands" not in page
    assert "no times were kept" in page


def test_contents_name_every_section_in_order(make_run):
    run, task = make_run()
    audit = pseudo_label_audit(np.eye(2), np.full((4, 2), 0.5), np.array([0, 1, 0, 1]), ("a", "b"))
    learning_rate_curve = LearningRateCurve(
        learning_rates=(1e-4, 1e-3, 1e-2), losses=(1.2, 0.7, 1.9), suggested=1e-3, before=1e-2
    )
    page = report_html(replace(run, rate_curve=learning_rate_curve, adjustment=adjustment_of(run), pool_audit=audit), task)
    contents = page[page.index("<nav") : page.index("</nav>")]
    assert re.findall(r'href="#([^"]+)"', contents) == parsed(page).sections
    for name, title in (("rate", "Learning rate"), ("unlabeled", "Unlabeled images"), ("adjustment", "Adjustment")):
        assert f'<a href="#{name}">{title}</a>' in contents


def test_what_is_taken_over_from_an_earlier_run_is_not_called_time_of_this_one(make_run):
    run, task = make_run()
    run = replace(run, seconds={"fit": 3.0, "evaluate": 1.0})
    page = report_html(run, task)
    tile = page[page.index("<dt>Time spent") :]
    tile = " ".join(re.sub("<[^>]*>", " ", tile[: tile.index("</dl>")]).split())
    assert tile == "Time spent 4.0 s for the whole run what was tried was foreseen to take 2 min 28 s of a budget of 5 min"


def test_models_that_predict_together_are_all_named(make_run):
    run, task = make_run()
    partner = Partner(pretrained="efficientnet_lite0", input_pixels=96, method={"kind": "knn"})
    both = replace(run, plan=run.plan.model_copy(update={"partners": (partner,)}))
    told = re.sub(r"<[^>]+>", "", report_html(both, task))
    assert "; together with knn on efficientnet_lite0, 96 pixels." in told
    assert "together with" not in report_html(run, task)


def test_out_of_fold_numbers_are_not_called_test_numbers(make_run):
    run, task = make_run()
    page = report_html(replace(run, evaluation=run.evaluation.model_copy(update={"split": "out of fold"})), task)
    assert "Out-of-fold accuracy" in page
    assert "Test accuracy" not in page
    assert "There is no test split" in page


def test_without_the_task_pictures_are_said_to_be_absent(make_run):
    run, _ = make_run()
    page = report_html(run)
    assert "picture not<br>at hand" in page
    assert "data:image" not in page


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


def test_every_term_opens_an_explanation(make_run):
    run, task = make_run()
    page = report_html(run, task)
    opened = set(re.findall(r'popovertarget="([^"]+)"', page))
    explained = dict(re.findall(r'<div popover id="([^"]+)" class="meaning"><b>[^<]+</b> ([^<]+)</div>', page))
    assert opened == set(explained)
    assert {"term-interval", "term-log_loss", "term-mean_rank", "term-baseline", "term-logme", "term-recall"} <= opened
    assert all(text.endswith(".") for text in explained.values())


def test_sentences_of_chinese_have_no_space_between_them(make_run):
    run, task = make_run()
    with speaking("zh"):
        page = report_html(run, task)
    page = re.sub("<style>.*?</style>|<pre>.*?</pre>", "", page, flags=re.DOTALL)
    text = re.sub(r"</?(?:b|a|button|code|strong|span)\b[^>]*>", "", page)
    found = re.findall("[^\\s]{0,12}。 [^\\s<][^\\s]{0,12}", text)
    assert found == []


def test_portrait_pictures_stay_whole_in_their_frame(make_run):
    page = report_html(*make_run())
    assert ".gallery img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }" in page
    assert ".gallery .frame { position: relative;" in page


def test_the_axis_stays_with_its_table_in_print(make_run):
    page = report_html(*make_run())
    assert page.count('<tfoot><tr class="axis">') == 2
    printed = page[page.index("@media print") :]
    assert "tfoot { display: table-footer-group; break-before: avoid; }" in printed
    assert "tfoot, svg, .columns { break-inside: avoid; }" in printed


def test_every_wide_table_scrolls_or_stacks_on_a_phone(make_run):
    page = report_html(*make_run())
    wide = re.sub(r'<section class="part" id="cost">.*?</section>', "", page, flags=re.DOTALL)
    tables = re.findall(r'(class="scroll"[^>]*>)?\s*<table( class="[^"]*")?>', wide)
    assert len(tables) > 8
    assert all(scrolls or re.search("candidates|stack", kind) for scrolls, kind in tables)


def test_the_same_run_gives_the_same_text(make_run):
    run, task = make_run()
    assert report_html(run, task) == report_html(run, task)
