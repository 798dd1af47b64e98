"""The figures of accuracy that one run gives: their names, why they differ, and what rests on fewer images than there are."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.estimate import Estimate
from headstart.planning.label_budget import FEWEST_A_CLASS, FEWEST_ROWS, enough_labels
from headstart.planning.results import CandidateResult, Comparison, Decision
from headstart.report.numbers import count, duration, percent, plural
from headstart.runs.run import Run

BASES = {
    "test": ("test image", "answered by the final model, which has not seen them"),
    "out of fold": ("labeled image", "each answered by a model that did not learn from it"),
}
"""What was judged and by what, by split."""
CHOICE_LOWERED = "choices made again on parts of the images were right more often on the rest"
"""Why a correction raises an accuracy."""
LONG_NAME = 60
"""Characters up to which a name stands in every row of a table; a single model has fewer."""
MOST_LEFT_OUT = 3
"""Candidates that were left out that are named; the report's table has all of them."""


@dataclass(frozen=True)
class Figure:
    """An accuracy, by the name that every text gives it.

    Attributes:
        name: "Test accuracy", "Out-of-fold accuracy" or "Accuracy in the comparison".
        accuracy: The share of right answers with its interval.
        basis: What was judged, and by what.
    """

    name: str
    accuracy: Estimate
    basis: str


def figures_of(run: Run) -> tuple[Figure, ...]:
    """Every accuracy of the model that the run tells, the one to quote first."""
    evaluation, decision = run.evaluation, run.decision
    found = []
    if evaluation is not None:
        what = BASES.get(evaluation.split, ("image", f"of {evaluation.split}"))
        found.append(
            Figure(name_of(evaluation.split), evaluation.accuracy, f"{plural(evaluation.num_images, what[0])}, {what[1]}")
        )
    chosen = chosen_of(decision) if decision else None
    if chosen is not None and chosen.accuracy is not None and not (evaluation and evaluation.accuracy == chosen.accuracy):
        basis = f"{plural(chosen.num_rows, 'labeled image')} in {plural(chosen.num_folds, 'fold')}, when candidates were compared"
        found.append(Figure("Accuracy in the comparison", chosen.accuracy, basis))
    return tuple(found)


def name_of(split: str) -> str:
    """The name of the accuracy on a split."""
    return {"test": "Test accuracy", "out of fold": "Out-of-fold accuracy"}.get(split, f"Accuracy, {split}")


def chosen_of(decision: Decision) -> CandidateResult | None:
    """The result of the candidate that was chosen; None where it was not tested."""
    return next((one for one in decision.results if one.name == decision.chosen and one.accuracy is not None), None)


def of_both_sides(decision: Decision) -> Comparison | None:
    """The comparison that the gain over no transfer is of; None where the two sides were not compared."""
    return next((made for made in decision.comparisons if made.accuracy_gain == decision.gain), None)


def briefly(text: str, decision: Decision | None) -> str:
    """A text that names the chosen ensemble as "the chosen one", where the names of its members would fill a table."""
    if decision is None or len(decision.chosen) <= LONG_NAME:
        return text
    return text.replace(decision.chosen, "the chosen one")


def with_interval(estimate: Estimate) -> str:
    """An accuracy with its interval.

    >>> with_interval(Estimate(value=0.9, low=0.8256, high=0.9448))
    '90.0% [82.6%, 94.5%]'
    """
    return f"{percent(estimate.value)} [{percent(estimate.low)}, {percent(estimate.high)}]"


def reconciled(run: Run) -> str:
    """Why the figures of a run differ, in a sentence each; empty where there is one figure."""
    evaluation, decision = run.evaluation, run.decision
    chosen = chosen_of(decision) if decision else None
    sentences = []
    if evaluation is not None and chosen is not None and chosen.accuracy is not None:
        sentences.append(_between(evaluation.split, evaluation.accuracy, chosen.accuracy, chosen))
    return " ".join(filter(None, sentences))


def _between(split: str, final: Estimate, compared: Estimate, chosen: CandidateResult) -> str:
    """Why the final accuracy is not the one in the comparison."""
    if final == compared:
        return ""
    if split == "out of fold":
        if percent(final.value) == percent(compared.value):
            return ""
        why = "the best of several looks better than it is" if final.value < compared.value else CHOICE_LOWERED
        return f"In the comparison it was {percent(compared.value)}; this one is corrected for the choice: {why}."
    apart = final.low > compared.high or compared.low > final.high
    between = (
        "the intervals do not overlap, so that there is more: perhaps these images differ from the labeled ones"
        if apart
        else "the intervals overlap, so that chance may explain the rest"
    )
    return (
        f"Out of fold it was {with_interval(compared)} on {plural(chosen.num_rows, 'image')}: models of folds learn from fewer "
        f"labels than the final one, and {between}."
    )


def not_tried(decision: Decision) -> str:
    """What was left out for its price, and how to go on; empty where everything was tried."""
    if not decision.unfinished:
        return ""
    left = [one for one in decision.results if one.status == "skipped" and one.predicted_seconds]
    left += [one for one in decision.results if one.seconds_left_out or (one.status == "fitted" and "--minutes" in one.reason)]
    left.sort(key=lambda one: -(one.seconds_left_out or one.predicted_seconds))
    shown = [_with_price(one) for one in left[:MOST_LEFT_OUT]]
    if len(left) > MOST_LEFT_OUT:
        shown.append(f"{len(left) - MOST_LEFT_OUT} more")
    return f"{'; '.join(shown)}. {decision.unfinished}" if shown else decision.unfinished


def _with_price(result: CandidateResult) -> str:
    price = f"({duration(result.seconds_left_out or result.predicted_seconds)})"
    if result.status == "fitted":
        further = f"{result.name}, further than {plural(result.num_folds, 'fold')}"
        return f"{further} {price}" if result.seconds_left_out else further
    return f"{result.name} {price}"


def judged_differently(decision: Decision) -> bool:
    """Whether some candidate was fitted to, or judged on, fewer rows than another."""
    fitted = [one for one in decision.results if one.accuracy is not None]
    return len({one.num_rows for one in fitted}) > 1 or any(one.max_rows is not None for one in fitted)


def judged_on(result: CandidateResult) -> str:
    """In how many folds a candidate was judged, and to how many images at most it was fitted."""
    fitted = "" if result.max_rows is None else f", fitted to {count(result.max_rows)}"
    return f"{plural(result.num_folds, 'fold')}{fitted}"


def on_fewer(run: Run) -> tuple[str, ...]:
    """What was fitted, judged or drawn on fewer labeled images than there are, a sentence each."""
    labeled = run.task_summary.num_train + run.task_summary.num_validation
    decision, said = run.decision, []
    if run.plan.max_rows is not None and run.plan.max_rows < labeled:
        said.append(f"The model is fitted to {count(run.plan.max_rows)} of {count(labeled)} labeled images.")
    chosen = chosen_of(decision) if decision else None
    if decision is None or chosen is None:
        return tuple(said)
    if chosen.num_rows < labeled:
        said.append(f"The chosen candidate was judged on {count(chosen.num_rows)} of {count(labeled)} labeled images.")
    others = [one for one in decision.results if one.accuracy and one is not chosen and one.num_rows < labeled]
    if others:
        counts, verb = sorted({one.num_rows for one in others}), "was" if len(others) == 1 else "were"
        on = count(counts[0]) if len(counts) == 1 else f"{count(counts[0])} to {count(counts[-1])}"
        each = " each" if len(others) > len(counts) == 1 else ""
        said.append(f"{plural(len(others), 'other candidate')} {verb} judged on {on} of {count(labeled)}{each}.")
    return tuple(said)


def why_no_curve(run: Run) -> str:
    """Why a run has no learning curve; empty where it has one."""
    task, decision = run.task_summary, run.decision
    if decision is None:
        return "No learning curve: nothing was decided in this run."
    if decision.curve is not None:
        return ""
    labeled = task.num_train + task.num_validation
    if labeled < FEWEST_ROWS:
        return f"No learning curve: it needs {FEWEST_ROWS} labeled images, and there are {count(labeled)}."
    if not enough_labels(labeled, len(task.classes)):
        return (
            f"No learning curve: it needs {FEWEST_A_CLASS} labeled images a class, and there are {count(labeled)} of "
            f"{count(len(task.classes))} classes."
        )
    if not any(one.family == "transfer" and one.accuracy for one in decision.results):
        return "No learning curve: it is that of a head on a pretrained network, and none was fitted."
    return "No learning curve was measured."
