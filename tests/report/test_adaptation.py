"""The section on adapting draws both domains and shows every candidate; it is not there without a source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.planning.adapting.adaptation import Adaptation, DomainMap, MapPoint, ValidatorScores
from headstart.planning.adapting.shift_kind import ShiftKind
from headstart.report.brief import brief_of
from headstart.report.domain_panels import MARGIN, SIDE, domain_panels
from headstart.report.html import headline, report_html


def points(*places: tuple[float, float, int]) -> tuple[MapPoint, ...]:
    return tuple(MapPoint(x=x, y=y, label=label) for x, y, label in places)


def candidate(name: str, neighborhood: float | None, rejection: str = "", changed: float = 0.0) -> ValidatorScores:
    scores = {"neighborhood": neighborhood, "circular": 0.75, "joint_match": -0.012, "ensv": 0.9, "agreement": None}
    return ValidatorScores(
        name=name, method={}, scores={**scores, "information_maximization": 1.5}, rejection=rejection, changed=changed, seconds=1
    )


def adaptation(chosen: tuple[str, ...] = ("coral",), num_labeled: int = 0) -> Adaptation:
    return Adaptation(
        chosen=chosen,
        shift=ShiftKind(kind="features", p_value=0.003, ratios={"class shares": 20, "features": 1}, sufficient=("features",)),
        candidates=(candidate("source_only", 0.4), candidate("coral", 0.8, changed=0.25), candidate("mlls", None, "it <fails>")),
        reasons=("The target looks different.", "coral is accepted."),
        findings=(),
        accuracy=Estimate(value=0.83, low=0.79, high=0.87),
        unadapted_accuracy=Estimate(value=0.61, low=0.55, high=0.67),
        at_most_lost=0.25,
        num_source=3,
        num_target=2,
        num_labeled=num_labeled,
        map=DomainMap(
            source=points((0.0, 0.0, 0), (4.0, 2.0, 1)), moved=points((2.0, 1.0, 0), (3.0, 1.0, 1)), target=points((4.0, 0.0, 0))
        ),
        classes=("a <b>", "c"),
        seconds=2.0,
    )


def section_of(page: str) -> str:
    section = page[page.index('id="adaptation"') :]
    return section[: section.index("</section>")]


@pytest.mark.slow
def test_without_a_source_there_is_no_section(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    assert 'id="adaptation"' not in report_html(run, task)


def test_it_shows_reasons_estimates_scores_and_what_can_have_been_lost(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    section = section_of(report_html(replace(run, adaptation=adaptation()), task))
    assert "The target looks different. coral is accepted." in section
    assert "83.0%" in section
    assert "59.1–100.0%" in section
    assert "No target label was read." in section
    assert "25.0% of the target images got another class than from the unadapted model" in section
    assert '<th scope="row">coral</th><td class="n">0.750</td><td class="n">−0.012</td><td class="n">0.800</td>' in section
    assert "Circular, neighborhood together decide where no explanation suffices." in section
    assert '<tr class="is-chosen"><th scope="row">Features</th>' in section
    assert '<th scope="row">mlls<span class="sub">it &lt;fails&gt;</span></th>' in section
    assert "target, predicted a &lt;b&gt;" in section
    assert section.count("<circle") == 6


@pytest.mark.slow
def test_an_unadapted_model_has_lost_nothing_and_labels_are_counted(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    section = section_of(report_html(replace(run, adaptation=adaptation(("source_only",), num_labeled=20)), task))
    assert "20 labeled target images decided" in section
    assert "adapting has cost nothing" in section


def test_the_headline_is_the_verdict(make_run):
    run, _ = make_run(("a", "b"), per_class=5, pixels=16)
    fitted = replace(run, decision=None, adaptation=adaptation())
    assert headline(fitted) == "Transfer: adapted by coral"
    assert headline(replace(fitted, adaptation=adaptation(("coral", "mlls")))) == "Transfer: adapted by coral and mlls"
    several = adaptation(("coral", "mlls", "jdot"))
    assert headline(replace(fitted, adaptation=several)) == "Transfer: adapted by 3 methods together"
    unadapted = adaptation(("source_only",))
    assert headline(replace(fitted, adaptation=unadapted)) == "No difference between adapted and unadapted models"
    alone = unadapted.model_copy(update={"candidates": unadapted.candidates[:1]})
    assert headline(replace(fitted, adaptation=alone)) == "Not judged: adapted and unadapted models were not compared"


@pytest.mark.slow
def test_the_page_says_that_adapting_decided_and_what_it_learned_from(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    summary = run.task_summary.model_copy(
        update={"num_train": 0, "train_counts": (0, 0), "num_source": 71, "source_domains": ("x",)}
    )
    page = report_html(replace(run, decision=None, adaptation=adaptation(), task_summary=summary), task)
    assert '<p class="quote">A model adapted by coral predicts, accepted by model selection.</p>' in page
    assert "cannot differ by more than 25.0 points. coral is accepted.</p>" in page
    assert "says what was tried and how it was decided" in page
    assert "written by hand" not in page
    assert "nothing was decided, so" not in page
    assert "71 source images" in page
    assert "Training images per class" not in page
    assert "<dt>Source</dt><dd>71</dd>" in page
    assert "with labeled images of x as the source" in page


def test_a_candidate_that_was_not_fitted_changed_nothing_that_is_known(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    skipped = ValidatorScores(name="jan", method={}, scores={}, rejection="no time was left", changed=0.0, seconds=0)
    found = adaptation().model_copy(update={"candidates": (candidate("source_only", 0.4), skipped)})
    row = section_of(report_html(replace(run, adaptation=found), task)).split("jan")[1].split("</tr>")[0]
    assert row.endswith('<td class="n">–</td>')


@pytest.mark.slow
def test_the_brief_of_an_adapted_run_is_honest_about_its_estimate(make_run):
    run, _ = make_run()
    summary = run.task_summary.model_copy(
        update={"num_source": 565, "num_unlabeled": 300, "num_train": 0, "source_domains": ("photos", "scans")}
    )
    found = adaptation().model_copy(
        update={"accuracy": Estimate(value=0.84, low=0.78, high=0.9), "unfinished": "Ctrl-C ended the trying."}
    )
    brief = brief_of(replace(run, decision=None, evaluation=None, findings=(), adaptation=found, task_summary=summary))
    assert brief.asked == "Can 565 labeled images of photos and scans teach a model to label 300 images of another kind?"
    assert brief.answer == "Adapted to the target: by its own confidence about 84 of 100 images get the right label."
    assert brief.certainty == (
        "The estimate, between 60 and 100 of 100, is from the model's confidence alone, and allows for usual mistakes of such "
        "estimates."
    )
    assert brief.advice == (
        "Let the same command go on: some candidates were left out for their time.",
        "Use the model; the section Use has the commands.",
    )


def test_both_maps_share_one_scale_that_is_the_same_in_both_directions():
    before, after = domain_panels(adaptation())
    assert before.target == after.target
    first, second = before.source
    room = SIDE - 2 * MARGIN
    assert second.x - first.x == pytest.approx(room, abs=0.1)
    assert first.y - second.y == pytest.approx(room / 2, abs=0.1)
    assert first.label == "source, a <b>"
    for dot in (*before.source, *after.source, *before.target):
        assert MARGIN <= dot.x <= SIDE - MARGIN
        assert MARGIN <= dot.y <= SIDE - MARGIN
