"""The brief of a run: its exact words for each kind of run and verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.evaluation.extension import Extension
from headstart.report.brief import between, brief_of
from headstart.report.plain_words import of_images

pytestmark = pytest.mark.slow


@pytest.fixture
def run(make_run):
    run = make_run(("cup", "dog"), per_class=5, pixels=16)[0]
    return replace(with_evaluation(run, "test", 0.853, 0.84, 0.871, 1_408), findings=())


def with_evaluation(run, split, value, low, high, num_images):
    accuracy = Estimate(value=value, low=low, high=high)
    rows = tuple(row.model_copy(update={"recall_high": 1.0}) for row in run.evaluation.per_class)
    metrics = run.evaluation.metrics | {"accuracy": accuracy}
    changes = {"split": split, "num_images": num_images, "metrics": metrics, "per_class": rows}
    return replace(run, evaluation=run.evaluation.model_copy(update=changes))


def deciding(run, **changes):
    return replace(run, decision=run.decision.model_copy(update=changes))


def test_a_run_that_transfers(run):
    brief = brief_of(run)
    labeled = run.task_summary.num_train
    assert brief.asked == (
        f"Can {labeled} labeled images teach a model to tell 2 classes apart, and does it help to start from a network that has "
        "learned from other pictures?"
    )
    assert brief.answer == (
        "Transfer helps: 85 of 100 new images right, against about 66 without. On the same 812 images, 94 of 100 were "
        "right with it "
        "and 75 without it."
    )
    assert brief.certainty == (
        "Of new images of the same kind, between 84 and 87 of 100 should be right (95% interval). The difference is "
        "between +16 and "
        "+22 of 100: chance does not explain it."
    )
    assert brief.advice == (
        "Label more images: with four times as many, between 2 and 4 more of 100 should be right.",
        "Use the model; the section Use has the commands.",
    )


def test_labels_that_show_no_difference(run):
    made = run.decision.comparisons[0]
    gain = Estimate(value=0.02, low=-0.04, high=0.08)
    made = made.model_copy(update={"accuracy_gain": gain, "significant": False})
    brief = brief_of(deciding(run, verdict="no difference", gain=gain, comparisons=(made,)))
    assert brief.answer == (
        "Whether transfer helps, these labels cannot show: 85 of 100 new images right, and about as many without. On the "
        "same 812 "
        "images, 77 of 100 were right with it and 75 without it."
    )
    assert brief.certainty.endswith("The difference is between −4 and +8 of 100, which may be chance.")


def test_scratch_that_is_better(run):
    made = run.decision.comparisons[0]
    gain = Estimate(value=-0.1, low=-0.15, high=-0.05)
    brief = brief_of(deciding(run, verdict="scratch", gain=gain, comparisons=(made.model_copy(update={"accuracy_gain": gain}),)))
    assert brief.answer == (
        "Transfer does not help: 85 of 100 new images right without it, against about 75 with it. On the same 812 "
        "images, 65 of 100 "
        "were right with it and 75 without it."
    )
    assert "between −15 and −5 of 100: chance does not explain it." in brief.certainty


def test_a_side_that_was_not_tried(run):
    nothing = Estimate(value=0.0, low=-1.0, high=1.0)
    unfinished = "The budget was spent before everything was tried. The same command with --minutes 8 goes on from here."
    brief = brief_of(deciding(run, verdict="not judged", gain=nothing, comparisons=(), unfinished=unfinished))
    assert brief.answer == "Whether transfer helps was not judged: 85 of 100 new images right."
    assert "The difference" not in brief.certainty
    assert brief.advice[0] == "Let the same command go on: some candidates were left out for their time."


def test_eight_images_are_little_evidence(run):
    tiny = deciding(with_evaluation(run, "out of fold", 0.875, 0.53, 0.98, 8), curve=None)
    brief = brief_of(tiny)
    assert brief.answer.startswith("Transfer helps: 7 of 8 new images right, ")
    assert brief.certainty.startswith(
        "Of new images of the same kind, between 4 and 8 of 8 should be right (95% interval). Only 8 images judged it, which is "
        "little evidence. "
    )
    assert brief.advice[0] == "Label more images: these are too few to judge by."


def test_findings_that_matter_and_the_weakest_class_are_named(run):
    grave = Finding(code="label-noise", severity="warning", title="Some labels look wrong.")
    weak = run.evaluation.per_class[0].model_copy(update={"recall": 0.2, "recall_high": 0.5, "support": 10})
    evaluation = run.evaluation.model_copy(update={"per_class": (weak, *run.evaluation.per_class[1:])})
    advice = brief_of(replace(run, findings=(grave,), evaluation=evaluation)).advice
    assert advice[0] == "Look at 1 finding about the data first."
    assert advice[2] == "Look at the class cup: of its images only 2 of 10 are labeled right."


def test_a_plan_that_was_fitted_and_never_judged(run):
    brief = brief_of(replace(run, decision=None, evaluation=None))
    assert (
        brief.asked
        == f"How well does one given plan, fitted to {run.task_summary.num_train} labeled images, tell 2 classes apart?"
    )
    assert brief.answer == "Not known yet: it was fitted, and not judged."
    assert brief.certainty == "Not known: no labeled image was left to judge the model."


def test_an_extended_run(run):
    extension = Extension(
        parent="runs/first", place="photos/more", fingerprint="0123", added=(), num_learned=12, num_held_out=7,
        with_old_images=True, old=None, new=run.evaluation.accuracy,
    )  # fmt: skip
    brief = brief_of(replace(run, decision=None, extension=extension))
    assert brief.asked == "Can a finished model learn from 12 later images, and keep what it knows?"
    assert brief.answer == "85 of 100 new images right."


def test_feature_vectors_and_pictures_without_labels(run):
    vectors = replace(run, task_summary=run.task_summary.model_copy(update={"native_pixels": 0}))
    labeled = run.task_summary.num_train
    assert brief_of(vectors).asked == f"Can {labeled} labeled feature vectors teach a model to tell 2 classes apart?"
    assert brief_of(vectors).certainty.startswith(
        "Of new feature vectors of the same kind, between 84 and 87 of 100 should be right"
    )
    none = run.task_summary.model_copy(update={"classes": (), "num_train": 0, "num_unlabeled": 500})
    brief = brief_of(replace(run, task_summary=none, decision=None, evaluation=None))
    assert brief.asked == "What can a network learn from 500 images without labels?"
    assert (
        brief.answer == "A network to start from on other tasks; it names no classes, so that there is no share of right answers."
    )
    assert brief.certainty == "Nothing was measured here."
    assert brief.advice == ("Start from this network on a task with labels; the section Use has the commands.",)


def test_counts_are_never_finer_than_what_was_judged():
    assert of_images(1.0, 5_000) == "100 of 100"
    assert of_images(0.9984, 5_000) == "998 of 1,000"
    assert of_images(0.997, 300) == "299 of 300"
    assert of_images(0.5, 7) == "4 of 7"
    assert between(Estimate(value=1.0, low=0.63, high=1.0), 7) == "between 4 and 7 of 7"
