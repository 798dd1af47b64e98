"""The brief of a run, for readers who know no statistics: what was asked, the answer, how sure it is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.backbones.lineage import lineage_of
from headstart.core.estimate import Estimate
from headstart.core.evaluation import ClassRow, Evaluation
from headstart.data.summary import TaskSummary
from headstart.planning.results import Comparison, Decision
from headstart.report.figures import of_both_sides
from headstart.report.numbers import plural
from headstart.report.plain_words import base_of, in_plain_words
from headstart.runs.run import Run

FEW_JUDGED = 30
"""Judged images below which the brief says that they are little evidence: of 29 right answers in 29, the 95 % interval still
reaches down to 88 %."""
FEWEST_OF_A_CLASS = 5
"""Judged images of a class from which the brief names it as the weakest. Chosen, not measured."""
WORTH_LABELING = 0.01
"""Expected gain in accuracy by four times the labels from which the brief advises to label more: a point, as the verdict."""


@dataclass(frozen=True)
class Brief:
    """A run in four answers, each of one to four sentences.

    Attributes:
        asked: What was to be found out, and from what.
        answer: What came out, as counts.
        certainty: How far the numbers can be trusted.
        advice: What to do next, the most urgent first.
    """

    asked: str
    answer: str
    certainty: str
    advice: tuple[str, ...]


def brief_of(run: Run) -> Brief:
    """The brief of a finished run."""
    return Brief(_asked(run), _answer(run), _certainty(run), tuple(_advice(run)))


def between(estimate: Estimate, total: int) -> str:
    """The ends of a share's interval as counts.

    >>> between(Estimate(value=0.76, low=0.72, high=0.796), 1_408)
    'between 72 and 80 of 100'
    """
    base = base_of(estimate.value, total)
    return f"between {round(estimate.low * base):,} and {round(estimate.high * base):,} of {base:,}"


def _things(task: TaskSummary) -> str:
    return "image" if task.native_pixels else "feature vector"


def _asked(run: Run) -> str:
    task = run.task_summary
    thing = _things(task)
    if run.adaptation:
        return (
            f"Can {plural(task.num_source, f'labeled {thing}')} of {' and '.join(task.source_domains)} teach a model to label "
            f"{plural(task.num_unlabeled, thing)} of another kind?"
        )
    if run.adjustment:
        return "Can the plan of an earlier run be improved?"
    if run.extension:
        return f"Can a finished model learn from {plural(run.extension.num_learned, f'later {thing}')}, and keep what it knows?"
    if not task.classes:
        return f"What can a network learn from {plural(task.num_train + task.num_unlabeled, thing)} without labels?"
    labeled = plural(task.num_train + task.num_validation, f"labeled {thing}")
    return _asked_of_labels(run, labeled, plural(len(task.classes), "class", "classes"))


def _asked_of_labels(run: Run, labeled: str, classes: str) -> str:
    if run.decision:
        pictures = run.task_summary.native_pixels
        helps = ", and does it help to start from a network that has learned from other pictures" if pictures else ""
        return f"Can {labeled} teach a model to tell {classes} apart{helps}?"
    if lineage_of(run.folder):
        return f"Can {labeled} teach a network what helps with later tasks?"
    return f"How well does one given plan, fitted to {labeled}, tell {classes} apart?"


def _answer(run: Run) -> str:
    sentences = []
    if run.adjustment:
        is_better = any(trial.outcome == "kept" for trial in run.adjustment.trials)
        sentences.append(
            "Yes: a changed plan is better, beyond chance." if is_better else "No change of the plan was better beyond chance."
        )
    elif not run.task_summary.classes:
        sentences.append(
            "A network to start from on other tasks; it names no classes, so that there is no share of right answers."
        )
    sentences.append(in_plain_words(run))
    made = of_both_sides(run.decision) if run.decision else None
    if run.decision and made and run.decision.verdict != "not judged":
        sentences.append(_compared(run.decision, made, _things(run.task_summary)))
    return " ".join(filter(None, sentences)) or "Not known yet: it was fitted, and not judged."


def _compared(decision: Decision, made: Comparison, thing: str) -> str:
    """What both sides had right of the images that both predicted."""
    with_it, without = _shares(decision, made)
    base = min(made.num_rows, 100)
    right = f"{round(with_it * base)} of {base}"
    return f"On the same {plural(made.num_rows, thing)}, {right} were right with it and {round(without * base)} without it."


def _shares(decision: Decision, made: Comparison) -> tuple[float, float]:
    """Accuracies of both sides on the rows that both predicted: one of the two predicted no others."""
    by_name = {one.name: one for one in decision.results if one.accuracy is not None}
    better, worse, gain = by_name[made.better], by_name[made.worse], made.accuracy_gain.value
    if worse.accuracy and worse.num_rows == made.num_rows:
        return worse.accuracy.value + gain, worse.accuracy.value
    first = better.accuracy.value if better.accuracy else 0.0
    return first, first - gain


def _certainty(run: Run) -> str:
    sentences = []
    decision, evaluation, thing = run.decision, run.evaluation, _things(run.task_summary)
    if evaluation:
        span = between(evaluation.accuracy, evaluation.num_images)
        sentences.append(f"Of new {thing}s of the same kind, {span} should be right (95% interval).")
        if evaluation.num_images < FEW_JUDGED:
            sentences.append(f"Only {plural(evaluation.num_images, thing)} judged it, which is little evidence.")
    elif run.task_summary.classes and not run.adaptation:
        sentences.append("Not known: no labeled image was left to judge the model.")
    made = of_both_sides(decision) if decision else None
    if made is not None:
        gain = made.accuracy_gain
        chance = ": chance does not explain it" if gain.low > 0 or gain.high < 0 else ", which may be chance"
        sentences.append(f"The difference is between {_of_hundred(gain.low)} and {_of_hundred(gain.high)} of 100{chance}.")
    if run.adaptation:
        ends = between(run.adaptation.likely_accuracy, 100)
        source = "is from the model's confidence alone, and allows for usual mistakes of such estimates"
        sentences.append(f"The estimate, {ends}, {source}.")
    return " ".join(sentences) or "Nothing was measured here."


def _of_hundred(difference: float) -> str:
    return f"{round(100 * difference):+d}".replace("-", "\N{MINUS SIGN}").replace("+0", "0")


def _advice(run: Run) -> list[str]:
    task, decision, evaluation = run.task_summary, run.decision, run.evaluation
    advice = []
    grave = [one for one in run.findings or () if one.severity != "info"]
    if grave:
        advice.append(f"Look at {plural(len(grave), 'finding')} about the data first.")
    if (decision and decision.unfinished) or (run.adaptation and run.adaptation.unfinished):
        advice.append("Let the same command go on: some candidates were left out for their time.")
    curve = decision.curve if decision else None
    if curve and curve.last.gain.value >= WORTH_LABELING:
        more, most = (round(100 * end) for end in (max(0.0, curve.last.gain.low), curve.last.gain.high))
        advice.append(f"Label more images: with four times as many, between {more} and {most} more of 100 should be right.")
    elif evaluation and evaluation.num_images < FEW_JUDGED:
        advice.append(f"Label more {_things(task)}s: these are too few to judge by.")
    weakest = _weakest(evaluation)
    if weakest is not None:
        right = f"{round(weakest.recall * weakest.support)} of {weakest.support}"
        advice.append(f"Look at the class {weakest.name}: of its images only {right} are labeled right.")
    if task.classes:
        advice.append("Use the model; the section Use has the commands.")
    else:
        advice.append("Start from this network on a task with labels; the section Use has the commands.")
    return advice


def _weakest(evaluation: Evaluation | None) -> ClassRow | None:
    """The class with the lowest recall, where it is beyond chance below the accuracy of all."""
    rows = [row for row in evaluation.per_class if row.support >= FEWEST_OF_A_CLASS] if evaluation else []
    weakest = min(rows, key=lambda row: row.recall, default=None)
    if weakest is None or evaluation is None or weakest.recall_high >= evaluation.accuracy.value:
        return None
    return weakest
