"""Compare: paired differences between runs, with a verdict."""

from __future__ import annotations

from typing import Literal

from headstart.core.arguments import checked
from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.evaluation.compare import compare as compare_predictions
from headstart.evaluation.compare import share_of_differing
from headstart.evaluation.run_comparison import RunComparison, RunComparisons, RunOutcome
from headstart.evaluation.stress import Stress
from headstart.runs.manifest import EXPLAINED
from headstart.runs.repetition import STEPS, differing_files
from headstart.runs.run import Run, file_of
from headstart.workflows.arguments import AnyRun

FEWEST_ROWS = 6
"""With fewer shared images no exact paired test can reach 5 %, and a bootstrap of one image has an interval without width."""


@checked
def compare(run: AnyRun, *others: AnyRun, seed: int = 0) -> RunComparisons:
    """A run against each of the others, on the evaluated images that both saw; the seed is that of the bootstrap.

    Two runs that adapted to a target without labels are compared by the classes that they give to its images: the verdict is then
    "not judged", with the share of images that get different classes.
    """
    if not others:
        raise PlanError("There is one run only, and nothing to compare it with. Name another one.")
    first = Run.load(run)
    return RunComparisons(_compared(first, Run.load(other), seed) for other in others)


def _compared(first: Run, second: Run, seed: int) -> RunComparison:
    about = {"run": str(second.folder), "outcomes": (_outcome(first), _outcome(second)), "repeated": _is_repeated(first, second)}
    if first.predictions is None and second.predictions is None and first.unlabeled and second.unlabeled:
        differing = share_of_differing(first.unlabeled, second.unlabeled)
        return RunComparison(**about, verdict="not judged", paired=None, most_gain=differing)
    paired = compare_predictions(_predictions(first), _predictions(second), seed)
    low, high = paired.log_loss_gain.low, paired.log_loss_gain.high
    enough = paired.num_rows >= FEWEST_ROWS
    verdict: Literal["better", "worse", "no difference"] = "no difference"
    if enough and (low > 0 or high < 0):
        verdict = "better" if low > 0 else "worse"
    return RunComparison(**about, verdict=verdict, paired=paired)


def _is_repeated(first: Run, second: Run) -> bool:
    """Whether one repeats the other; what later commands write into a run does not count."""
    same = first.plan == second.plan and first.task_summary == second.task_summary
    return same and not differing_files(first.folder, second.folder, (STEPS, EXPLAINED, file_of(Stress)))


def _outcome(run: Run) -> RunOutcome:
    adaptation = run.adaptation
    estimated = {} if adaptation is None else {
        "estimated_accuracy": adaptation.likely_accuracy, "estimate": adaptation.estimate_sentence,
    }  # fmt: skip
    return RunOutcome(verdict=run.verdict, sentence=run.verdict_sentence, **estimated)


def _predictions(run: Run) -> Predictions:
    if run.predictions is None:
        raise DataError(
            f"{run.folder} has no predictions to compare: no labeled image could be held out. Add labels and fit again."
        )
    return run.predictions
