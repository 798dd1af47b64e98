"""What the sections of a report say of the data, the candidates, the classes and the findings."""

import re
from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.core.evaluation import SetSizes
from headstart.core.findings import Finding
from headstart.report.html import report_html

pytestmark = pytest.mark.slow


def test_data_that_were_not_inspected_are_not_said_to_be_in_order(make_run):
    run, task = make_run()
    page = report_html(replace(run, findings=None), task)
    assert "The data were not inspected here." in page
    assert "Nothing to report about the data." not in page


def test_every_candidate_is_shown_with_its_reason(make_run):
    run, task = make_run()
    page = report_html(run, task)
    for result in run.decision.results:
        assert result.name in page
        assert result.reason in page
    assert page.count(">chosen<") == 1
    assert page.count(">baseline<") == 6  # twice in the ranking, whose scores are a table of their own


def test_findings_keep_their_evidence(make_run):
    run, task = make_run()
    page = report_html(run, task)
    assert "photos/shelf/cup/img_0042.jpg, photos/shelf/cup/&lt;odd&gt;.jpg" in page
    assert page.index("unreadable-image") < page.index("near-duplicates")


def test_a_class_without_images_has_no_number_that_looks_like_a_measured_one(make_run):
    run, task = make_run()
    known, *rest = run.evaluation.per_class
    gone = known.model_copy(update={"support": 0, "recall": 0.0, "precision": 0.0, "f1": 0.0})
    page = report_html(replace(run, evaluation=run.evaluation.model_copy(update={"per_class": (gone, *rest)})), task)
    row = page[page.index(f'<tr><th scope="row">{known.name}</th><td class="n">0</td>') :].partition("</tr>")[0]
    assert row.count('<td class="n">–</td><td class="ci"></td>') == 3


def test_many_classes_list_confusions_and_fold_the_strong_ones(make_run):
    run, task = make_run(tuple(f"class {index}" for index in range(100)), per_class=5, pixels=16)
    page = report_html(run, task)
    assert "Most frequent confusions; a matrix of 100 classes cannot be read" in page
    assert "The 15 weakest classes" in page
    assert "The other 85 classes" in page


def test_scores_that_do_not_answer_are_folded_away(make_run, section_of):
    run, task = make_run()
    section = section_of(report_html(run, task), "ranking")
    assert "logme" not in section[: section.index("<details>")]
    assert "All 7 transferability scores" in section
    headers = re.sub("<[^>]+>", " ", section[: section.index("</thead>")]).split()
    assert headers[-8:] == ["Candidate", "Mean", "rank", "Ranks", "first", "Probe", "accuracy", "Time"]


def test_a_finding_s_code_opens_its_page(make_run, section_of):
    run, task = make_run()
    finding = Finding(code="few-labels", severity="warning", title="Few labels.", evidence={"least": 3})
    section = section_of(report_html(replace(run, findings=(finding,)), task), "data")
    opened = section[section.index('<details class="finding">') :]
    opened = re.sub("<[^>]+>", " ", opened[: opened.index("</details>")])
    assert " ".join(opened.split()).startswith(
        "few-labels : what it means Some classes have fewer than ten training images; below five it is a warning. Why it matters "
        "With so few labels the order of candidate models is mostly chance, and the ranking says so."
    )
    assert "Evidence least 3" in " ".join(opened.split())
    unknown = report_html(replace(run, findings=(finding.model_copy(update={"code": "of-a-plug-in", "evidence": {}}),)), task)
    assert "<br><code>of-a-plug-in</code>" in unknown


def test_the_evidence_of_a_finding_is_a_list_of_names_and_values(make_run, section_of):
    run, task = make_run()
    evidence = {
        "shares": {"cat": 0.123456, "dog": [1, 2]},
        "groups": [["a.png", "b.png"], ["c.png"]],
        "paths": ["d.png"],
        "none": None,
    }
    finding = Finding(code="few-labels", severity="warning", title="Few labels.", evidence=evidence)
    section = section_of(report_html(replace(run, findings=(finding,)), task), "data")
    shown = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", section[section.index('<dl class="evidence">') :])
    assert shown[:3] == [("shares", "cat: 0.1235; dog: 1, 2"), ("groups", "a.png, b.png; c.png"), ("paths", "d.png")]
    assert shown[3][1] == "–"


def test_sides_that_were_not_compared_have_no_gain(make_run):
    run, task = make_run()
    nothing = Estimate(value=0.0, low=-1.0, high=1.0)
    decision = run.decision.model_copy(update={"verdict": "not judged", "gain": nothing, "comparisons": ()})
    page = report_html(replace(run, decision=decision), task)
    assert "The two sides were not compared." in page
    assert "−100.0" not in page


def test_test_images_are_mentioned_only_where_there_are_some(make_run, section_of):
    run, task = make_run()
    assert "; the test images were not touched." in section_of(report_html(run, task), "trials")
    without = replace(run, task_summary=run.task_summary.model_copy(update={"num_test": 0}))
    assert "test images" not in section_of(report_html(without, task), "trials")


def test_same_images_are_claimed_only_where_they_are_the_same(make_run, section_of):
    run, task = make_run()
    same = "Every fitted candidate on the same held-out images."
    assert same in section_of(report_html(run, task), "trials")
    fewer = tuple(one.model_copy(update={"num_rows": 97}) if one.family == "scratch" else one for one in run.decision.results)
    other = report_html(replace(run, decision=run.decision.model_copy(update={"results": fewer})), task)
    assert same not in other
    assert "Candidates on the same folds; some on fewer images than others." in section_of(other, "trials")
    alone = run.decision.model_copy(update={"results": run.decision.results[:1], "comparisons": ()})
    assert (
        "same"
        not in re.sub("<[^>]+>", "", section_of(report_html(replace(run, decision=alone), task), "trials")).split("Comparisons")[
            0
        ]
    )


def test_where_the_model_is_sure_is_drawn_and_sets_have_their_sizes(make_run, section_of):
    sizes = SetSizes(level=0.9, mean_size=2.5, single=0.1, empty=0.02, full=0.61)
    run, task = make_run()
    drawn = section_of(report_html(run, task), "certainty")
    assert 'aria-label="Accuracy by the share of images' in drawn
    assert "Sizes of prediction sets" not in drawn
    with_sets = replace(run, evaluation=run.evaluation.model_copy(update={"prediction_sets": (sizes,)}))
    drawn = section_of(report_html(with_sets, task), "certainty")
    assert '<td class="n">2.50</td><td class="n">10.0%</td><td class="n">61.0%</td><td class="n">2.0%</td>' in drawn
    assert "From 90% on most sets hold every class" in drawn
    old = replace(run, evaluation=run.evaluation.model_copy(update={"selective": (), "prediction_sets": ()}))
    assert "Not known: no image was evaluated" in section_of(report_html(old, task), "certainty")
