"""The outcome of a run in one sentence, for readers who know no statistics."""

from __future__ import annotations

from headstart.planning.results import Decision
from headstart.runs.run import Run

TRANSDUCTIVE = "transductive"
"""The finding that says that a model was adapted to the test images themselves, which are no new ones then."""

ADAPTING = {
    "transfer": "Adapted to the target",
    "no difference": "No gain from adapting is shown",
    "not judged": "Whether adapting helps was not judged",
}
"""What is said first of an adapted run, by its verdict."""


def in_plain_words(run: Run) -> str:
    """What came out, as counts of images; empty where nothing was measured.

    The first number is that of the model that is kept, by the images that judged it. The number of the other side is that
    number less the gain that the comparison of the two sides measured, which may be on other images.
    """
    evaluation, adaptation = run.evaluation, run.adaptation
    if evaluation is None:
        if adaptation is None:
            return ""
        known = f"by its own confidence about {of_images(adaptation.accuracy.value, 100)} {_things(run)} get the right label"
        return f"{ADAPTING[adaptation.verdict]}: {known}."
    seen = any(finding.code == TRANSDUCTIVE for finding in run.findings or ())
    right = f"{of_images(evaluation.accuracy.value, evaluation.num_images)} {'test' if seen else 'new'} {_things(run)} right"
    if adaptation is not None:
        return f"{ADAPTING[adaptation.verdict]}: {right}."
    if run.decision is None:
        return f"{right[0].upper()}{right[1:]}."
    return _of_decision(run.decision, right, evaluation.accuracy.value, evaluation.num_images)


def of_images(share: float, total: int) -> str:
    """A share as a count: of all images where they are fewer than a hundred, else of a hundred, or of more for the last errors.

    >>> of_images(0.853, 1_408), of_images(0.875, 8), of_images(0.9984, 5_000)
    ('85 of 100', '7 of 8', '998 of 1,000')
    """
    base = base_of(share, total)
    return f"{count_of(share, base)} of {base:,}"


def base_of(share: float, total: int) -> int:
    """Of how many images a share is said: where some are wrong, of so many that the count does not say that all are right."""
    return min(total, 1_000 if 0.995 <= share < 1 else 100)


def count_of(share: float, base: int) -> str:
    """A share of so many images as a count."""
    return f"{round(min(max(share, 0.0), 1.0) * base):,}"


def _of_decision(decision: Decision, right: str, accuracy: float, num_images: int) -> str:
    base = base_of(accuracy, num_images)
    if decision.verdict == "transfer":
        return f"Transfer helps: {right}, against about {count_of(accuracy - decision.gain.value, base)} without."
    if decision.verdict == "scratch":
        other = count_of(accuracy + decision.gain.value, base)
        return f"Transfer does not help: {right} without it, against about {other} with it."
    if decision.verdict == "no difference":
        return f"Whether transfer helps, these labels cannot show: {right}, and about as many without."
    return f"Whether transfer helps was not judged: {right}."


def _things(run: Run) -> str:
    return "images" if run.task_summary.native_pixels else "feature vectors"
