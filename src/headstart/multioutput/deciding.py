"""decide_outputs: whether to transfer, from what and how, for several labels or numbers, with the evidence."""

from __future__ import annotations

from typing import NamedTuple

from headstart.core.errors import DataError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError
from headstart.multioutput.comparing import compared_outputs
from headstart.multioutput.cross_validation import ValidatedOutputs
from headstart.multioutput.fits import FITS
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.records import OutputComparison, OutputDecision
from headstart.multioutput.task import OutputTask
from headstart.multioutput.trials import OutputTrials, try_outputs
from headstart.planning.deciding.verdict import SMALLEST_GAIN
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Verdict


class Decided(NamedTuple):
    """What was decided.

    Attributes:
        decision: With its evidence.
        chosen: The candidate to fit.
        among: The candidates that it was chosen among by the mean loss, itself included.
    """

    decision: OutputDecision
    chosen: ValidatedOutputs
    among: tuple[ValidatedOutputs, ...]


def decide_outputs(
    task: OutputTask,
    ranking: Ranking | None,
    steps: Steps,
    *,
    budget_seconds: float,
    only: str | None = None,
    weights: str = "pretrained",
) -> Decided:
    """The decision, and the candidate to fit.

    Candidates are fitted to the same folds and compared by the loss of each held-out image, paired, with an interval over groups
    that allows for the draw of the folds. A side wins where that interval lies above zero, the kind's first metric is a point
    better, and it beats what is said without any image. The test set stays sealed.

    Args:
        task: Images and targets.
        ranking: The networks to transfer from; None where nothing is to be transferred.
        steps: Where finished folds are kept and found.
        budget_seconds: Predicted seconds that candidates may take.
        only: "transfer" or "scratch" to try one side alone.
        weights: A file of weights for the one network ranked, or "pretrained".

    Returns:
        Both, and what it was chosen among.

    Raises:
        DataError: No image can be held out.
        PlanError: Nothing could be fitted.
    """
    if not task.images.folds:
        raise DataError(f"{task.name}: all images are in one group, so that none can be held out. Label images of another group.")
    trials = OutputTrials(task, steps, budget_seconds, weights)
    stopped = False
    try:
        try_outputs(trials, ranking, only)
    except StoppedError:
        stopped = True
    chance, best = trials.validated[0] if trials.validated else None, trials.best()
    if chance is None or best is None:
        raise PlanError("Nothing could be fitted before trying was stopped. Give the command again: it goes on.")
    transfer, without = trials.best("transfer"), trials.best("baseline", "scratch")
    verdict, comparisons = _verdict(task, transfer, without, chance)
    chosen = _chosen(trials, task, best, only)
    over_none = compared_outputs(task, chosen, chance)
    decision = OutputDecision(
        kind=task.kind.name(),
        verdict=verdict,
        chosen=chosen.candidate.name,
        sentence=_sentence(task, verdict, comparisons, transfer, without),
        reasons=(
            _over_none(task, over_none),
            *(["Trying was stopped before its end: the same command goes on with it."] if stopped else []),
        ),
        results=tuple(trials.results),
        comparisons=(*comparisons, *([] if over_none in comparisons else [over_none])),
        budget_seconds=trials.budget_seconds,
        spent_seconds=trials.spent_seconds,
    )
    return Decided(decision, chosen, _among(trials, chosen, only))


def _verdict(
    task: OutputTask, transfer: ValidatedOutputs | None, without: ValidatedOutputs | None, chance: ValidatedOutputs
) -> tuple[Verdict, list[OutputComparison]]:
    """The verdict, and the comparisons it rests on."""
    if transfer is None or without is None:
        return "not judged", []
    forth, back = compared_outputs(task, transfer, without), compared_outputs(task, without, transfer)
    for verdict, winner, made in (("transfer", transfer, forth), ("scratch", without, back)):
        if _wins(made):
            over_none = compared_outputs(task, winner, chance)
            return (verdict if _wins(over_none) else "no difference"), [forth, over_none]  # type: ignore[return-value]
    return "no difference", [forth]


def _wins(made: OutputComparison) -> bool:
    return made.significant and made.primary_gain.value >= SMALLEST_GAIN


def _chosen(trials: OutputTrials, task: OutputTask, best: ValidatedOutputs, only: str | None) -> ValidatedOutputs:
    """The best candidate; a trained one only where it is ahead of the best closed form beyond noise, or was asked for."""
    closed = [one for one in trials.validated if one.candidate.fit and not FITS.get(one.candidate.fit).trains]
    scratch = trials.best("scratch")
    if only == "scratch" and scratch is not None:
        return scratch
    if not FITS.get(best.candidate.fit).trains or not closed:
        return best
    cheap = min(closed, key=lambda one: float(one.losses(task).mean()))
    return best if compared_outputs(task, best, cheap).significant else cheap


def _among(trials: OutputTrials, chosen: ValidatedOutputs, only: str | None) -> tuple[ValidatedOutputs, ...]:
    """The candidates of which the chosen one has the least loss: closed forms, or all where it is trained and beyond noise."""
    if only == "scratch":
        return (chosen,)
    closed = not FITS.get(chosen.candidate.fit).trains
    found = (one for one in trials.validated if one.candidate.fit)
    return tuple(one for one in found if not (closed and FITS.get(one.candidate.fit).trains))


def _shown(gain: Estimate, *, signs: str = "+") -> str:
    return f"{gain.value:{signs}.3f} [{gain.low:{signs}.3f}, {gain.high:{signs}.3f}]"


def _sentence(
    task: OutputTask,
    verdict: Verdict,
    comparisons: list[OutputComparison],
    transfer: ValidatedOutputs | None,
    without: ValidatedOutputs | None,
) -> str:
    """The sentence to quote."""
    title = metrics_for(task.kind.name())[task.kind.primary].title
    if not comparisons or transfer is None or without is None:
        return "One side alone was tried, so that transfer and training from scratch are not compared."
    made = comparisons[0]
    gain = f"{title} {_shown(made.primary_gain)} against {made.worse}, on {made.num_rows:,} held-out images"
    if verdict == "transfer":
        return f"Transfer helps: {made.better} has {gain}."
    if verdict == "scratch":
        return f"Transfer does not help: {made.better} has {gain}."
    return f"No difference that these labels can show: {made.better} has {gain}."


def _over_none(task: OutputTask, made: OutputComparison) -> str:
    """Whether it beats no image at all."""
    title = metrics_for(task.kind.name())[task.kind.primary].title
    gain = f"{title} {_shown(made.primary_gain)} against what is best said without any image"
    return f"{made.better} has {gain}." if _wins(made) else f"{made.better} is not shown to beat no image at all: {gain}."
