"""decide: climb the trials, compare on shared rows, and say what to do, with the evidence."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from headstart.core.errors import PlanError
from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.features.representation import Representation
from headstart.methods import METHODS, method_from
from headstart.methods.base import check_needs
from headstart.planning.budget import default_minutes
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated, fold_inputs
from headstart.planning.deciding.learning_curve import MOST_ROWS, learning_curve
from headstart.planning.deciding.schedule import Options, default_candidate, run_schedule, trusts_unlabeled
from headstart.planning.deciding.selection import best_closed, best_transfer, best_without, chosen_of, side_of
from headstart.planning.deciding.trials import Only, Trials
from headstart.planning.deciding.verdict import verdict_of
from headstart.planning.deciding.wording import reasons_for, rejected_from, sentence_for
from headstart.planning.plan import Plan
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Decision, LearningCurve
from headstart.training.settings import Training


def decide(
    task: Task,
    ranking: Ranking,
    *,
    minutes: float | None = None,
    method: str | None = None,
    settings: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    weights: str = "pretrained",
    only: Only | None = None,
    per_class: int | None = None,
    source_weights: dict[str, float] | None = None,
    steps: Steps | None = None,
) -> tuple[Decision, Plan]:
    """Whether to transfer, from what and how, within a budget, and the plan to fit.

    Every candidate is judged on the same folds of `task.labeled`; the test set stays sealed.

    Args:
        task: What is to be learned.
        ranking: The candidates to transfer from, as `rank` gives them.
        minutes: Budget for everything, ranking included; None for `default_minutes`.
        method: The only method to try for transfer; None tries the trials.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        weights: A file of weights for the one candidate ranked, or "pretrained".
        only: Try one side only, to see what it gives in the same time.
        per_class: Goes into the plan.
        source_weights: What a row of each source weighs that was found to help.
        steps: Where finished work is kept and found; None keeps nothing.

    Returns:
        The decision and its plan.

    Raises:
        DataError: The task lacks what the method needs.
        PlanError: The method or a setting does not exist, or nothing could be fitted within the budget.
        MissingExtraError: The method needs a package that is not installed.
    """
    check_options(minutes, method, settings or {}, training or {})
    check_options_for(task, method, settings or {}, only)
    if steps is None:
        with tempfile.TemporaryDirectory() as folder:
            kept = Steps(Path(folder))
            return decide(
                task, ranking, minutes=minutes, method=method, settings=settings, training=training, weights=weights, only=only,
                per_class=per_class, source_weights=source_weights, steps=kept,
            )  # fmt: skip
    spent = sum(candidate.seconds for candidate in ranking.candidates)
    budget = 60 * (default_minutes(task, restricted=bool(method or only)) if minutes is None else minutes)
    trials = Trials(task, steps, budget, spent, weights, only, source_weights=source_weights or {})
    options = Options(method, settings or {}, training or {}, only)
    if not task.folds:
        return _by_default(trials, ranking, options, per_class)
    run_schedule(trials, ranking, options)
    return _concluded(trials, ranking, only, per_class)


def check_options(minutes: float | None, method: str | None, settings: dict[str, Any], training: dict[str, Any]) -> None:
    """Refuse options that no decision can fulfil, before anything is spent on them.

    Args:
        minutes: Budget; None for the usual one.
        method: The only method to try; None tries the trials.
        settings: Hyper-parameters of that method.
        training: Fields of `Training`.

    Raises:
        PlanError: The budget is not positive, or a method or setting does not exist.
    """
    if minutes is not None and not minutes > 0:
        raise PlanError(f"minutes = {minutes:g} is no budget. Give a positive number.")
    if settings and method is None:
        raise PlanError(f"--set {next(iter(settings))} needs --method KIND: the method that it belongs to.")
    if method is not None and method_from({"kind": method, **settings}, "--set").cost == "closed form" and training:
        raise PlanError(f"--set training.{next(iter(training))} has no effect: {method} is a closed form. Leave it out.")
    Training.from_dict(training, "--set training")


def check_options_for(task: Task, method: str | None, settings: dict[str, Any], only: Only | None) -> None:
    """Refuse options that come to nothing on this task, before anything is spent on them.

    Args:
        task: What is to be learned.
        method: The only method to try; None tries the trials.
        settings: Hyper-parameters of that method.
        only: The one side that is tried; None tries both.

    Raises:
        DataError: The task lacks what the method needs.
        PlanError: The task holds no pictures.
        MissingExtraError: The method needs a package that is not installed.
    """
    if task.train.images.embedded and (only == "scratch" or (method and METHODS.get(method).cost == "gradient")):
        wish = f"method {method}" if only != "scratch" else "training from scratch"
        raise PlanError(f"{task.name} holds feature vectors, and {wish} needs pictures. Choose ridge or another closed form.")
    if method is not None and only != "scratch":
        check_needs(method_from({"kind": method, **settings}, "--set"), task)


def _concluded(trials: Trials, ranking: Ranking, only: Only | None, per_class: int | None) -> tuple[Decision, Plan]:
    task = trials.task
    transfer, comparisons = best_transfer(trials.validated, trusts_unlabeled(trials), task.seed)
    chance = trials.validated[0]
    without = best_without(trials.validated) or chance
    if transfer is None and without is chance:
        why = " ".join(f"{one.result.name}: {one.result.reason}." for one in trials.validated if one.result.reason)
        raise PlanError(f"Nothing could be fitted within {trials.budget_seconds / 60:g} minutes. {why}")
    if transfer is None:
        verdict: Any = "scratch"
        chosen, gain = without, Estimate(value=0.0, low=-1.0, high=1.0)
    else:
        verdict, made = verdict_of(side_of(transfer), side_of(without), side_of(chance), task.seed)
        comparisons += made
        gain = made[0].accuracy_gain
        chosen = transfer if only == "transfer" else chosen_of(verdict, transfer, without, made[0], chance)
    curve = _curve(trials, transfer)
    sentence = sentence_for(verdict, transfer, without, chosen, gain, comparisons, only)
    reasons = (*reasons_for(trials.validated, chosen, comparisons, curve, ranking), *trials.notes)
    rejected = rejected_from(trials.validated, ranking, chosen, comparisons)
    decision = Decision(
        verdict=verdict,
        chosen=chosen.result.name,
        gain=gain,
        sentence=sentence,
        results=tuple(one.result for one in trials.validated),
        comparisons=tuple(comparisons),
        curve=curve,
        reasons=reasons,
        rejected=rejected,
        budget_seconds=trials.budget_seconds,
        spent_seconds=trials.spent_seconds,
    )
    return decision, _plan(trials, chosen, decision, per_class)


def _by_default(trials: Trials, ranking: Ranking, options: Options, per_class: int | None) -> tuple[Decision, Plan]:
    """Where nothing can be held out."""
    validated = default_candidate(trials, ranking, options)
    sentence = (
        f"No class has two labels, so that nothing can be held out and no comparison made: {validated.result.name} is fitted, "
        "untested. Label one more image a class."
    )
    decision = Decision(
        verdict="no difference",
        chosen=validated.result.name,
        gain=Estimate(value=0.0, low=-1.0, high=1.0),
        sentence=sentence,
        results=tuple(one.result for one in trials.validated),
        comparisons=(),
        curve=None,
        reasons=(sentence, ranking.sentence, *trials.notes),
        rejected=rejected_from(trials.validated, ranking, validated, ()),
        budget_seconds=trials.budget_seconds,
        spent_seconds=trials.spent_seconds,
    )
    return decision, _plan(trials, validated, decision, per_class)


class _Curve(Record):
    """A learning curve, where the rows suffice for one."""

    curve: LearningCurve | None


def _curve(trials: Trials, transfer: CrossValidated | None) -> LearningCurve | None:
    validated = best_closed(trials.validated, trusts_unlabeled(trials))
    if transfer is None or validated is None:
        return None
    task, candidate = trials.task, validated.candidate

    def make(_: Path) -> _Curve:
        features, rows = trials.features_for_curve(validated, MOST_ROWS)
        matrix = Representation.fitted(features, candidate.method.get("blocks", "penultimate")).matrix(features)
        found = learning_curve(matrix, rows.labels, rows.groups, task.num_classes, task.seed, len(task.labeled))
        return _Curve(curve=found)

    inputs = fold_inputs(task, candidate, trials.backbone(candidate), validated.result.num_folds)
    return trials.steps.run("curve", inputs, _Curve, make).curve


def _plan(trials: Trials, chosen: CrossValidated, decision: Decision, per_class: int | None) -> Plan:
    candidate: Candidate = chosen.candidate
    gradient = chosen.temperature is not None
    return Plan(
        data=trials.task.place,
        seed=trials.task.seed,
        per_class=per_class,
        pretrained=candidate.pretrained,
        weights=candidate.weights,
        input_pixels=candidate.input_pixels,
        method=candidate.method,
        training=candidate.training,
        max_rows=candidate.max_rows if gradient else trials.final_rows(chosen),
        hold_out=gradient and not trials.refits,
        partners=candidate.partners,
        **chosen.calibration,
        verdict=decision.verdict,
        reasons=decision.reasons,
        rejected=decision.rejected,
    )
