"""The figures of accuracy of a run, what reconciles them, and what rests on fewer images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.report.figures import (
    figures_of,
    judged_differently,
    judged_on,
    not_tried,
    on_fewer,
    reconciled,
    why_no_curve,
    with_interval,
)
from headstart.report.html import report_html

pytestmark = pytest.mark.slow
SCRATCH = "small_cnn from scratch, 64 px"


def estimate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def with_accuracy(run, split: str, accuracy: Estimate):
    metrics = run.evaluation.metrics | {"accuracy": accuracy}
    return replace(run, evaluation=run.evaluation.model_copy(update={"split": split, "num_images": 97, "metrics": metrics}))


def with_result(run, name: str, **changes):
    results = tuple(one.model_copy(update=changes) if one.name == name else one for one in run.decision.results)
    return replace(run, decision=run.decision.model_copy(update={"results": results}))


@pytest.fixture
def run(make_run):
    return make_run(("a", "b"), per_class=5, pixels=16)[0]


def test_each_figure_has_its_name_and_says_what_was_judged(run):
    found = figures_of(with_accuracy(run, "test", estimate(0.95)))
    assert [(one.name, round(one.accuracy.value, 3), one.basis) for one in found] == [
        ("Test accuracy", 0.95, "97 test images, answered by the final model, which has not seen them"),
        ("Accuracy in the comparison", 0.936, "812 labeled images in 5 folds, when candidates were compared"),
    ]
    other = with_accuracy(run, "DATA/other", estimate(0.9))
    assert figures_of(other)[0].name == "Accuracy, DATA/other"
    assert figures_of(replace(run, decision=None, evaluation=None)) == ()


def test_the_comparison_s_figure_is_not_given_twice(run):
    same = next(one.accuracy for one in run.decision.results if one.name == run.decision.chosen)
    assert [one.name for one in figures_of(with_accuracy(run, "out of fold", same))] == ["Out-of-fold accuracy"]


def test_test_and_out_of_fold_are_reconciled_by_their_intervals(run):
    near = reconciled(with_accuracy(run, "test", estimate(0.95)))
    assert near == (
        "Out of fold it was 93.6% [91.7%, 95.5%] on 812 images: models of folds learn from fewer labels than the final one, "
        "and the intervals overlap, so that chance may explain the rest."
    )
    far = reconciled(with_accuracy(run, "test", estimate(0.8)))
    assert far == (
        "Out of fold it was 93.6% [91.7%, 95.5%] on 812 images: models of folds learn from fewer labels than the final one, "
        "and the intervals do not overlap, so that there is more: perhaps these images differ from the labeled ones."
    )
    assert reconciled(replace(run, decision=None)) == ""


def test_a_corrected_figure_says_that_the_one_in_the_comparison_is_optimistic(run):
    said = reconciled(with_accuracy(run, "out of fold", estimate(0.93)))
    assert said.startswith(
        "In the comparison it was 93.6%; this one is corrected for the choice: the best of several looks better than it is."
    )
    raised = reconciled(with_accuracy(run, "out of fold", estimate(0.94)))
    assert raised.startswith(
        "In the comparison it was 93.6%; this one is corrected for the choice: choices made again on parts of the images were "
        "right more often on the rest."
    )
    same = next(one.accuracy for one in run.decision.results if one.name == run.decision.chosen)
    assert reconciled(with_accuracy(run, "out of fold", same)) == ""


def test_what_was_left_out_is_named_with_its_price_and_how_to_go_on(run):
    assert not_tried(run.decision) == ""
    stopped = "The budget was spent before everything was tried. The same command with --minutes 9 goes on from here."
    decision = run.decision.model_copy(update={"unfinished": stopped})
    assert not_tried(decision) == f"lp_ft on efficientnet_lite2 (6 min 30 s). {stopped}"
    facts = {"num_folds": 2, "reason": "would take about 52 s; give --minutes 9"}
    before = with_result(replace(run, decision=decision), SCRATCH, **facts)  # as runs were written that kept no price
    assert not_tried(before.decision) == (f"lp_ft on efficientnet_lite2 (6 min 30 s); {SCRATCH}, further than 2 folds. {stopped}")
    partly = with_result(before, SCRATCH, seconds_left_out=52.0)
    assert not_tried(partly.decision) == (
        f"lp_ft on efficientnet_lite2 (6 min 30 s); {SCRATCH}, further than 2 folds (52 s). {stopped}"
    )
    assert "<strong>Left out:</strong> lp_ft on efficientnet_lite2 (6 min 30 s)" in report_html(partly)
    many = decision.model_copy(update={"results": tuple(
        one.model_copy(update={"status": "skipped", "predicted_seconds": 5.0}) for one in decision.results[:5]
    )})  # fmt: skip
    assert not_tried(many).split(". ")[0].endswith("; 2 more")
    assert not_tried(many.model_copy(update={"results": ()})) == stopped


def test_what_was_judged_on_fewer_images_is_said_in_text_and_table(make_run):
    run, task = make_run(("a", "b"), per_class=5, pixels=16)
    labeled = run.task_summary.num_train + run.task_summary.num_validation
    assert not judged_differently(run.decision)
    assert "Judged on" not in report_html(run, task)
    fewer = with_result(run, "lp_ft on efficientnet_lite1", num_rows=163, num_folds=1, max_rows=440)
    assert judged_differently(fewer.decision)
    assert judged_on(next(one for one in fewer.decision.results if one.num_rows == 163)) == "1 fold, fitted to 440"
    page = report_html(fewer, task)
    assert '<th class="n">Judged on</th>' in page
    assert '<td class="n opt">163<span class="sub">1 fold, fitted to 440</span></td>' in page
    summary = run.task_summary.model_copy(update={"num_train": 1_132, "num_validation": 0})
    plan = run.plan.model_copy(update={"max_rows": 440})
    assert labeled != 1_132
    assert on_fewer(replace(fewer, plan=plan, task_summary=summary)) == (
        "The model is fitted to 440 of 1,132 labeled images.",
        "The chosen candidate was judged on 812 of 1,132 labeled images.",
        "7 other candidates were judged on 163 to 812 of 1,132.",
    )


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1 other candidate was judged on 280 of 812."), (3, "3 other candidates were judged on 280 of 812 each.")],
)
def test_candidates_that_were_judged_on_as_many_images_are_counted_together(run, number, said):
    summary = run.task_summary.model_copy(update={"num_train": 812, "num_validation": 0})
    others = [one.name for one in run.decision.results if one.accuracy and one.name != run.decision.chosen][:number]
    fewer = replace(run, task_summary=summary)
    for name in others:
        fewer = with_result(fewer, name, num_rows=280)
    assert on_fewer(fewer) == (said,)


def test_an_accuracy_is_written_with_its_interval():
    assert with_interval(Estimate(value=0.9, low=0.8256, high=0.9448)) == "90.0% [82.6%, 94.5%]"


@pytest.mark.parametrize(
    ("num_train", "num_classes", "sentence"),
    [
        (8, 2, "No learning curve: it needs 40 labeled images, and there are 8."),
        (412, 100, "No learning curve: it needs 5 labeled images a class, and there are 412 of 100 classes."),
        (1_132, 2, "No learning curve was measured."),
    ],
)
def test_a_missing_learning_curve_has_its_reason(run, num_train, num_classes, sentence):
    classes = tuple(f"class {index}" for index in range(num_classes))
    summary = run.task_summary.model_copy(update={"num_train": num_train, "num_validation": 0, "classes": classes})
    without = run.decision.model_copy(update={"curve": None})
    assert why_no_curve(replace(run, task_summary=summary, decision=without)) == sentence


def test_no_learning_curve_is_drawn_where_nothing_transfers_or_nothing_was_decided(run):
    summary = run.task_summary.model_copy(update={"num_train": 1_132})
    scratch = tuple(one for one in run.decision.results if one.family != "transfer")
    without = run.decision.model_copy(update={"curve": None, "results": scratch})
    assert why_no_curve(replace(run, task_summary=summary, decision=without)) == (
        "No learning curve: it is that of a head on a pretrained network, and none was fitted."
    )
    assert why_no_curve(replace(run, decision=None)) == "No learning curve: nothing was decided in this run."
    assert why_no_curve(run) == ""
