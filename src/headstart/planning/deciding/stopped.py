"""Stopped: the decision where trying ended before anything was compared."""

from __future__ import annotations

import math

from headstart.core.estimate import Estimate
from headstart.core.stopping import Reason
from headstart.data.sources.task_with_sources import with_source_as_train
from headstart.data.task import Task
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.budget import STARTING_SECONDS, budget_of
from headstart.planning.candidate import Candidate
from headstart.planning.plan import Plan
from headstart.planning.results import Decision, FirstModel

UNKNOWN_GAIN = Estimate(value=0.0, low=-1.0, high=1.0)
"""Where nothing was compared."""
WHY = {"interrupted": "Ctrl-C ended the trying", "over": "The time was over"}


def decision_for_first(
    task: Task, candidate: Candidate, first: FirstModel, reason: Reason, budget_seconds: float
) -> tuple[Decision, Plan]:
    """The decision for the first model, as nothing else was tried, and its plan; which side is better was not judged."""
    why, more = WHY[reason], f" with --minutes {minutes_to_compare(budget_seconds)}" if reason == "over" else ""
    how = f"The same command{more} goes on from here."
    sentence = f"Not judged: {why[0].lower() if reason == 'over' else why[0]}{why[1:]} before candidates could be compared; "
    sentence += f"the first model is kept, {candidate.name}."
    decision = Decision(
        verdict="not judged", chosen=candidate.name, gain=UNKNOWN_GAIN, sentence=sentence,
        results=(candidate.result(status="skipped", reason=f"{why} before it was compared"),),
        comparisons=(), curve=None, reasons=(sentence, first.sentence, how), rejected=(), budget_seconds=budget_seconds,
        spent_seconds=0.0, stopped=reason, unfinished=f"{why} before everything was tried. {how}",
    )  # fmt: skip
    recipe = candidate.recipe
    if with_source_as_train(task) is not task:  # what the labels of the sources taught, beside the few of the target
        recipe |= {"method": {"kind": UNADAPTED, "blocks": candidate.method["blocks"]}, "max_rows": None}
    plan = Plan(
        **recipe, data=task.place, seed=task.seed, test=task.test_share, verdict=decision.verdict,
        reasons=decision.reasons,
    )  # fmt: skip
    return decision, plan


def minutes_to_compare(budget_seconds: float) -> int:
    """Whole minutes that have room for what a run tries without a limit, and are more than those that were over."""
    usual, given = (STARTING_SECONDS + seconds for seconds in (budget_of(None), budget_seconds))
    return max(math.ceil(usual / 60), 1 + math.floor(given / 60))
