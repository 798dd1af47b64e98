"""decide: follow the schedule, compare on shared rows, and say what to do, with the evidence."""

from __future__ import annotations

from typing import Any

from headstart.core.errors import PlanError
from headstart.core.steps import Steps
from headstart.core.stopping import StoppedError
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import check_needs
from headstart.planning.budget import budget_of
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.audit import audited
from headstart.planning.deciding.chosen import evaluate_chosen
from headstart.planning.deciding.closed_forms import trusts_unlabeled
from headstart.planning.deciding.ensemble import MOST_MEMBERS, ensemble_gain
from headstart.planning.deciding.label_budget import curve_of
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.schedule import default_candidate, run_schedule
from headstart.planning.deciding.selection import best_transfer, best_without, chosen_of, contenders_of, side_of
from headstart.planning.deciding.stopped import UNKNOWN_GAIN
from headstart.planning.deciding.trials import Trials
from headstart.planning.deciding.verdict import verdict_of
from headstart.planning.deciding.wording import reasons_for, rejected_from, sentence_for, untried_side
from headstart.planning.fitting import refits
from headstart.planning.plan import Plan, is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Decision, Verdict
from headstart.training.settings import Training


def decide(
    task: Task,
    ranking: Ranking,
    options: Options,
    steps: Steps,
    *,
    minutes: float | None = None,
    weights: str = "pretrained",
    per_class: int | None = None,
    source_weights: dict[str, float] | None = None,
) -> tuple[Decision, Plan]:
    """Whether to transfer, from what and how, within a budget, and the plan to fit.

    Every candidate is fitted to the same folds of `task.labeled`; the test set stays sealed.

    Args:
        task: What is to be learned.
        ranking: The candidates to transfer from, as `rank` gives them.
        options: What the user asked for.
        steps: Where finished work is kept and found.
        minutes: Budget for everything, ranking included; None for `DEFAULT_SECONDS` for the candidates alone.
        weights: A file of weights for the one candidate ranked, or "pretrained".
        per_class: Goes into the plan.
        source_weights: Weight of a row of each source that was found to help.

    Returns:
        The decision and its plan.

    Raises:
        DataError: The task lacks what the method needs.
        StoppedError: Trying had to end before anything to transfer with was fitted.
        PlanError: The method or a setting does not exist, or nothing could be fitted within the budget.
        MissingExtraError: The method needs a package that is not installed.
    """
    check_options(options, minutes)
    check_options_for(task, options)
    trials = Trials(
        task, steps, budget_of(minutes), weights, options.only, source_weights=source_weights or {}, usual=minutes is None
    )
    trials.most_members = options.members or MOST_MEMBERS
    if task.train.images.embedded or (options.method is not None and not is_gradient({"kind": options.method})):
        trials.closed_share = 1.0
    if not task.folds:
        return _by_default(trials, ranking, options, per_class)
    run_schedule(trials, ranking, options)
    return _concluded(trials, ranking, options, per_class)


def check_options(options: Options, minutes: float | None) -> None:
    """Refuse options that no decision can fulfil, before anything is spent on them.

    Raises `PlanError` where the budget is not positive, or a method or setting does not exist or has no effect.
    """
    method, settings, training, _, members = options
    if minutes is not None and not minutes > 0:
        raise PlanError(f"minutes = {minutes:g} is no budget. Give a positive number.")
    if members is not None and members < 1:
        raise PlanError(f"--members {members}: a model has at least 1 member. Give a positive number.")
    if settings and method is None:
        raise PlanError(f"--set {next(iter(settings))} needs --method KIND: the method that it belongs to.")
    if method is not None and method_from({"kind": method, **settings}, "--set").cost == "closed form" and training:
        raise PlanError(f"--set training.{next(iter(training))} has no effect: {method} is a closed form. Leave it out.")
    Training.from_dict(training, "--set training")


def check_options_for(task: Task, options: Options) -> None:
    """Refuse options that come to nothing on this task, before anything is spent on them.

    Raises `DataError` where the task lacks what the method needs, `PlanError` where it holds no pictures, and `MissingExtraError`
    where a package is not installed.
    """
    method, settings, _, only, _ = options
    if task.train.images.embedded and (only == "scratch" or (method and is_gradient({"kind": method}))):
        asked = f"method {method}" if only != "scratch" else "training from scratch"
        raise PlanError(f"{task.name} holds feature vectors, and {asked} needs pictures. Choose ridge or another closed form.")
    if method is not None and only != "scratch":
        check_needs(method_from({"kind": method, **settings}, "--set"), task)


def _concluded(trials: Trials, ranking: Ranking, options: Options, per_class: int | None) -> tuple[Decision, Plan]:
    """The decision that what was cross-validated leads to."""
    seed, only, most = trials.task.seed, options.only, trials.most_members
    chance = trials.validated[0]
    best, transfer, without, made, comparisons = contenders_of(trials.validated, trusts_unlabeled(trials), most, seed)
    untried = untried_side(trials.validated, only)
    verdict: Verdict = "not judged"
    chosen, gain = without, UNKNOWN_GAIN
    if best is not None and transfer is not None:
        verdict, compared = verdict_of(side_of(best), side_of(transfer), side_of(without), side_of(chance), seed)
        comparisons += compared
        gain = compared[0].accuracy_gain
        chosen = best if only == "transfer" else chosen_of(verdict, best, without, compared[0], chance.result.num_rows)
        verdict = "not judged" if untried else verdict
    elif trials.stopped and (only != "scratch" or without is chance):
        raise StoppedError(trials.stopped)
    elif without is chance:
        why = " ".join(f"{one.result.name}: {one.result.reason}." for one in trials.validated if one.result.reason)
        raise PlanError(f"Nothing could be fitted. {why}")
    curve = curve_of(trials, chosen)
    trials.validated.extend(made)
    alone = [one for one in trials.validated if not one.members]
    instead = best_without(alone) if chosen is without else best_transfer(alone, trusts_unlabeled(trials), seed)[0]
    ensemble = ensemble_gain(chosen, trials.validated, seed, instead)
    sentence = sentence_for(verdict, best, without, chosen, comparisons, untried)
    reasons = reasons_for(trials.validated, chosen, comparisons, curve, ranking)
    reasons = (*reasons[:1], *([ensemble.sentence] if ensemble else []), *reasons[1:])
    facts = {"verdict": verdict, "gain": gain, "sentence": sentence, "comparisons": tuple(comparisons), "curve": curve}
    decision = _decision(trials, ranking, chosen, reasons, ensemble=ensemble, **facts)
    plan = _plan(trials, chosen, decision, per_class)
    evaluate_chosen(trials.task, trials.validated, chosen, plan, trials.steps, most)
    return decision, plan


def _by_default(trials: Trials, ranking: Ranking, options: Options, per_class: int | None) -> tuple[Decision, Plan]:
    """Where nothing can be held out."""
    chosen = default_candidate(trials, ranking, options)
    sentence = (
        f"{trials.task.why_no_folds}, so that nothing can be held out and no comparison made: {chosen.result.name} is fitted, "
        f"untested. {trials.task.what_allows_folds}"
    )
    facts = {"verdict": "not judged", "gain": UNKNOWN_GAIN, "sentence": sentence, "comparisons": (), "curve": None}
    decision = _decision(trials, ranking, chosen, (sentence, ranking.sentence), **facts)
    return decision, _plan(trials, chosen, decision, per_class)


def _decision(trials: Trials, ranking: Ranking, chosen: CrossValidated, reasons: tuple[str, ...], **facts: Any) -> Decision:
    return Decision(
        chosen=chosen.result.name,
        results=tuple(one.result for one in trials.validated),
        reasons=(*reasons, *trials.notes, *([trials.unfinished] if trials.unfinished else [])),
        rejected=rejected_from(trials.validated, ranking, chosen, facts["comparisons"]),
        stopped=trials.stopped or "",
        unfinished=trials.unfinished,
        budget_seconds=trials.budget_seconds,
        spent_seconds=trials.spent_seconds,
        audit=audited(ranking, trials.validated, trials.task.seed),
        **facts,
    )


def _plan(trials: Trials, chosen: CrossValidated, decision: Decision, per_class: int | None) -> Plan:
    gradient = chosen.temperature is not None
    ended = bool(chosen.candidate.training.stop_after) and not chosen.members  # there is no time to train it again
    rows = chosen.candidate.max_rows if gradient or chosen.members else trials.final_rows(chosen)
    return Plan(
        **{**chosen.candidate.recipe, "max_rows": rows, **chosen.calibration},
        data=trials.task.place,
        seed=trials.task.seed,
        per_class=per_class,
        test=trials.task.test_share,
        leave_domain_out=trials.task.leave_domain_out,
        sources=trials.task.source_places if trials.task.leave_domain_out else (),
        hold_out=gradient and (ended or not refits(trials.task)),
        verdict=decision.verdict,
        reasons=decision.reasons,
        rejected=decision.rejected,
    )
