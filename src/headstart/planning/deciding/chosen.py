"""Chosen: how good the chosen candidate is, by out-of-fold predictions, without what the choice itself added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.checksums import checksum_of
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions
from headstart.core.records import Record, fingerprint_of
from headstart.core.steps import Steps
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.evaluation.out_of_fold import evaluation_out_of_fold
from headstart.evaluation.selection_bias import Select, draws_for
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.ensemble import MOST_MEMBERS, Pool
from headstart.planning.plan import Plan

STEP = "chosen"
PREDICTIONS = "predictions.parquet"
READ_BY_FIT = ("pretrained", "weights", "input_pixels", "method", "training", "max_rows", "partners", "temperature", "shares")
"""The fields of a plan that its out-of-fold predictions depend on."""


class ChosenStep(Record):
    """The evaluation of what a plan makes; the out-of-fold predictions lie beside it.

    Attributes:
        evaluation: Of the candidate that was chosen.
        among: A fingerprint of what it was chosen among; empty where an earlier version wrote it.
    """

    evaluation: Evaluation
    among: str = ""


def evaluate_chosen(
    task: Task,
    validated: Sequence[CrossValidated],
    chosen: CrossValidated,
    plan: Plan,
    steps: Steps,
    most_members: int = MOST_MEMBERS,
) -> None:
    """Keep the evaluation of the chosen candidate, by the predictions of all that it was chosen among, as a step.

    The choice that is made again is the one by log loss: of an ensemble, at most so many members and their weights, else of the
    best candidate. Nothing is kept where a sealed test judges, or no row could be held out. What an earlier decision kept for the
    same plan is replaced where it was chosen among others.
    """
    predictions = chosen.predictions
    if task.test is not None or predictions is None:
        return

    def make(folder: Path) -> ChosenStep:
        select, draws = rule_of_choice(validated, chosen, most_members)
        predictions.write(folder / PREDICTIONS)
        return ChosenStep(evaluation=evaluation_out_of_fold(predictions, select, draws, plan.fitted_to), among=among)

    among = fingerprint_of_choice(validated, chosen, most_members, plan.fitted_to)
    steps.run(STEP, _inputs(task, plan), ChosenStep, make, lambda found, folder: found.among == among and _is_whole(folder))


def rule_of_choice(validated: Sequence[CrossValidated], chosen: CrossValidated, most_members: int) -> tuple[Select | None, int]:
    """The rule by which a fitted candidate was chosen, on its own rows, and how often to choose again; None for no choice."""
    predictions = chosen.predictions
    pool = None if predictions is None else pool_on(validated, predictions)
    if pool is None:
        return None, draws_for(0)
    most = most_members if chosen.members else 1

    def select(weights: Floats) -> Floats:
        """What the members chosen by these row weights predict together."""
        return pool.probs(pool.chosen(most, weights))

    return select, draws_for(pool.logs.size)


def fingerprint_of_choice(
    validated: Sequence[CrossValidated], chosen: CrossValidated, most_members: int, fitted_to: str = ""
) -> str:
    """Changes with all that a choice depends on, and with what is said of the model."""
    probs = [
        None if one.predictions is None else checksum_of(np.ascontiguousarray(one.predictions.probs).tobytes())
        for one in (chosen, *validated)
    ]
    candidates = [one.candidate.essentials for one in (chosen, *validated)]
    return fingerprint_of([candidates, probs, most_members, fitted_to])


def evaluation_of_chosen(task: Task, plan: Plan, steps: Steps) -> tuple[Evaluation, Predictions] | None:
    """What `evaluate_chosen` kept for a plan; None where its candidate was not chosen among others in these steps."""
    found = steps.found(STEP, _inputs(task, plan), ChosenStep)
    return (found[0].evaluation, Predictions.read(found[1] / PREDICTIONS)) if found and _is_whole(found[1]) else None


def is_sound(task: Task, plan: Plan, steps: Steps) -> bool:
    """Whether what `evaluate_chosen` kept for a plan, if anything, is as it was written; else it is dropped."""
    if not steps.has(STEP, _inputs(task, plan)):
        return True
    found = steps.found(STEP, _inputs(task, plan), ChosenStep)
    return found is not None and _is_whole(found[1])


def pool_on(validated: Sequence[CrossValidated], predictions: Predictions) -> Pool | None:
    """The candidates that predicted all of these rows, in their order; None where fewer than two did."""
    names = predictions.names
    pool = Pool.of([found for one in validated if not one.members and (found := one.on_rows(names)) is not None])
    return pool if pool is not None and len(pool.candidates) > 1 else None


def _is_whole(folder: Path) -> bool:
    """Whether the predictions lie in the folder of a step; one that somebody emptied has none."""
    return (folder / PREDICTIONS).exists()


def _inputs(task: Task, plan: Plan) -> dict[str, Any]:
    return {"task": task.fingerprint, "plan": plan.model_dump(mode="json", include=set(READ_BY_FIT))}
