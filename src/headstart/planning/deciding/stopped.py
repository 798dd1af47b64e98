"""Stopped: the decision where trying ended before anything was compared."""

from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.core.stopping import Reason
from headstart.data.task import Task
from headstart.planning.candidate import Candidate
from headstart.planning.plan import Plan
from headstart.planning.results import Decision, FirstModel

UNKNOWN_GAIN = Estimate(value=0.0, low=-1.0, high=1.0)
"""Where nothing was compared."""
WHY = {
    "interrupted": ("Ctrl-C ended the trying", "The same command goes on from here."),
    "over": ("The time was over", "The same command with more --minutes goes on from here."),
}


def decision_for_first(
    task: Task, candidate: Candidate, first: FirstModel, reason: Reason, budget_seconds: float
) -> tuple[Decision, Plan]:
    """The decision for the first model, as nothing else was tried, and its plan; which side is better was not judged."""
    why, how = WHY[reason]
    sentence = f"Not judged: {why[0].lower() if reason == 'over' else why[0]}{why[1:]} before candidates could be compared; "
    sentence += f"the first model is kept, {candidate.name}."
    decision = Decision(
        verdict="not judged", chosen=candidate.name, gain=UNKNOWN_GAIN, sentence=sentence,
        results=(candidate.result(status="skipped", reason=f"{why} before it was compared"),),
        comparisons=(), curve=None, reasons=(sentence, first.sentence, how), rejected=(), budget_seconds=budget_seconds,
        spent_seconds=0.0, stopped=reason, unfinished=f"{why} before everything was tried. {how}",
    )  # fmt: skip
    plan = Plan(
        **candidate.recipe, data=task.place, seed=task.seed, test=task.test_share, verdict=decision.verdict,
        reasons=decision.reasons,
    )  # fmt: skip
    return decision, plan
