"""decide: climb the ladder, compare on shared rows, and say what to do, with the evidence."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from headstart.backbones.loading import card_of
from headstart.core.errors import PlanError
from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.features.representation import Representation
from headstart.methods import METHODS, method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.curve import MOST_ROWS, learning_curve
from headstart.planning.decision import Comparison, Decision, LearningCurve
from headstart.planning.judge import Judged, fold_inputs
from headstart.planning.ladder import ALL_SHARE, Ladder, Only
from headstart.planning.minutes import usual_minutes
from headstart.planning.plan import Plan
from headstart.planning.ranking import Ranking
from headstart.planning.verdict import SMALLEST_GAIN, Side, advantage, compared, verdict_of, wins
from headstart.planning.wording import reasons_for, rejected_from, sentence_for
from headstart.training.budget import scratch_training
from headstart.training.settings import Training

HARD_ENOUGH = 0.01
"""Below this out-of-fold error a costlier transfer candidate has nothing left to win."""
CHEAP_LOGISTIC = 2_000
"""Rows times classes up to which logistic regression takes a second a fold. On solar cells with 50 labels a class it is 0.9
points above ridge, on digits with 10 it is 2 below (EfficientNet-Lite0, 10 seeds): the folds decide."""
SURE = 1.645
"""Standard errors of a one-sided 95 % bound: few rows would otherwise choose by chance."""
SMALL_GAP = 0.03
"""Canary gap under which training from scratch goes before fine-tuning."""


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
    steps: Steps | None = None,
) -> tuple[Decision, Plan]:
    """Whether to transfer, from what and how, within a budget, and the plan to fit.

    Every candidate is judged on the same folds of `task.labeled`; the test set stays sealed.

    Args:
        task: What is to be learned.
        ranking: The candidates to transfer from, as `rank` gives them.
        minutes: Budget for everything, ranking included; None for `usual_minutes`.
        method: The only method to try for transfer; None tries the ladder.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        weights: A file of weights for the one candidate ranked, or "pretrained".
        only: Try one side only, to see what it gives in the same time.
        per_class: Goes into the plan.
        steps: Where finished work is kept and found; None keeps nothing.

    Returns:
        The decision and its plan.

    Raises:
        PlanError: The method or a setting does not exist, or nothing could be fitted within the budget.
    """
    check_wishes(minutes, method, settings or {}, training or {})
    if task.train.images.embedded and (only == "scratch" or (method and METHODS.get(method).cost == "gradient")):
        wish = f"method {method}" if only != "scratch" else "training from scratch"
        raise PlanError(f"{task.name} holds feature vectors, and {wish} needs pictures. Choose ridge or another closed form.")
    if steps is None:
        with tempfile.TemporaryDirectory() as folder:
            kept = Steps(Path(folder))
            return decide(
                task, ranking, minutes=minutes, method=method, settings=settings, training=training, weights=weights, only=only,
                per_class=per_class, steps=kept,
            )  # fmt: skip
    spent = sum(candidate.seconds for candidate in ranking.candidates)
    budget = 60 * (usual_minutes(task, wished=bool(method or only)) if minutes is None else minutes)
    ladder = Ladder(task, steps, budget, spent, weights, only)
    _climb(ladder, ranking, method, settings or {}, training or {}, only)
    return _concluded(ladder, ranking, only, per_class)


def check_wishes(minutes: float | None, method: str | None, settings: dict[str, Any], training: dict[str, Any]) -> None:
    """Refuse wishes that no decision can fulfil, before anything is spent on them.

    Args:
        minutes: Budget; None for the usual one.
        method: The only method to try; None tries the ladder.
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


def _climb(
    ladder: Ladder, ranking: Ranking, method: str | None, settings: dict[str, Any], training: dict[str, Any], only: Only | None
) -> None:
    ladder.chance()
    embedded = ladder.task.train.images.embedded
    if not embedded:
        ladder.closed_form(ladder.candidate("canary", "pixels", _ridge("penultimate")), ladder.shares.canary, must=True)
    if only != "scratch":
        _closed_forms(ladder, ranking, method, settings)
    if embedded:
        return
    if ladder.many or _gap(ladder) < SMALL_GAP or method is not None:
        _scratch(ladder, only)
        _fine_tuned(ladder, ranking, method, settings, training, only)
    else:
        _fine_tuned(ladder, ranking, method, settings, training, only)
        _scratch(ladder, only)


def _ridge(blocks: str) -> dict[str, Any]:
    return settings_of(method_from({"kind": "ridge", "blocks": blocks}))


def _closed_forms(ladder: Ladder, ranking: Ranking, method: str | None, settings: dict[str, Any]) -> None:
    if method is not None:
        if METHODS.get(method).cost == "closed form":
            chosen = settings_of(method_from({"kind": method, **settings}, "--set"))
            for name in ranking.chosen:
                ladder.closed_form(ladder.candidate("transfer", name, chosen), ladder.shares.first, must=True)
        return
    for index, name in enumerate(_in_turn(ladder, ranking)):
        share = ladder.shares.first if index == 0 else ladder.shares.other
        for blocks in ("penultimate",) if ladder.task.train.images.embedded else ("penultimate", "stages+pixels"):
            ladder.closed_form(ladder.candidate("transfer", name, _ridge(blocks)), share, must=index == 0)
    if ladder.task.train.images.embedded:
        return
    canary = ladder.candidate("canary", _in_turn(ladder, ranking)[0], _ridge("stages"))
    if ladder.many:
        ladder.skip(canary, "with this many rows its features cost more than they tell; the ranking has it on fewer")
    else:
        ladder.closed_form(canary, ladder.shares.canary, must=True)
    best = _best_closed(ladder)
    if best and len(ladder.task.labeled) * ladder.task.num_classes <= CHEAP_LOGISTIC:
        logistic = settings_of(method_from({"kind": "logistic", "blocks": "stages+pixels"}))
        ladder.closed_form(ladder.candidate("transfer", best.candidate.pretrained, logistic), ladder.shares.other, must=False)
    own = card_of(best.candidate.pretrained).input_pixels if best else 0
    if best and own > best.candidate.input_pixels:
        finer = ladder.candidate("transfer", best.candidate.pretrained, _ridge("stages+pixels"), pixels=own)
        ladder.closed_form(finer, ladder.shares.first, must=False)


def _in_turn(ladder: Ladder, ranking: Ranking) -> list[str]:
    """The shortlist in the order of trial: as ranked; the cheapest first where the ranking cannot tell."""
    if not ranking.distinguishable:
        return sorted(ranking.chosen, key=lambda name: card_of(name).num_parameters or 0)
    return list(ranking.chosen)


def _gap(ladder: Ladder) -> float:
    """How far the best closed form that transfers is above the best canary, in accuracy."""
    best = {
        family: max(
            (one.rung.accuracy.value for one in ladder.judged if one.rung.family == family and one.rung.accuracy), default=0
        )
        for family in ("transfer", "canary")
    }
    return best["transfer"] - best["canary"]


def _scratch(ladder: Ladder, only: Only | None) -> None:
    if only == "transfer":
        return
    task = ladder.task
    probe = ladder.candidate("scratch", "small_cnn", {"kind": "fine_tune"})
    recipe = scratch_training(len(task.folds[0].fit), probe.input_pixels).model_copy(update={"seed": task.seed})
    chosen = settings_of(method_from({"kind": "fine_tune"}))
    candidate = probe.model_copy(update={"method": chosen, "training": recipe})
    ladder.gradient(candidate, ALL_SHARE if only else None)


def _fine_tuned(
    ladder: Ladder, ranking: Ranking, method: str | None, settings: dict[str, Any], training: dict[str, Any], only: Only | None
) -> None:
    if only == "scratch" or (method and METHODS.get(method).cost != "gradient"):
        return
    kind = method or "lp_ft"
    chosen = settings_of(method_from({"kind": kind, **settings}, "--set"))
    recipe = Training.from_dict({"seed": ladder.task.seed, **training}, "--set training")
    best = _best_closed(ladder)
    candidate = ladder.candidate("transfer", best.candidate.pretrained if best else ranking.chosen[0], chosen, recipe)
    if method is None and best and best.rung.accuracy and 1 - best.rung.accuracy.value < HARD_ENOUGH:
        ladder.skip(candidate, f"{best.rung.name} errs on {1 - best.rung.accuracy.value:.1%} only: no point left to win")
        return
    ladder.gradient(candidate, ALL_SHARE)


def _best_without(ladder: Ladder) -> Judged | None:
    """The best candidate without transferred knowledge.

    Losses on different rows cannot be compared: the lowest loss among those judged on most rows is the default, and one that was
    judged on fewer replaces it when it is better beyond noise on the rows they share.
    """
    fitted = [one for one in ladder.judged if one.predictions is not None and one.rung.family in ("scratch", "canary")]
    best: Judged | None = None
    for one in sorted(fitted, key=lambda one: (-one.rung.num_rows, _loss(one))):
        if best is None or advantage(_side(one), _side(best)) > SURE:
            best = one
    return best


def _best_closed(ladder: Ladder) -> Judged | None:
    """The closed form to transfer with.

    Ridge on stages and pixels of the cheapest network is the default. Another head replaces it when its log loss is lower beyond
    noise, another network when it also gains a point: few rows would otherwise choose by chance.
    """
    closed = [one for one in ladder.judged if one.rung.family == "transfer" and one.predictions is not None]
    closed = [one for one in closed if one.temperature is None]
    best: Judged | None = None
    for one in sorted(closed, key=lambda one: (_price(one), not _is_default(one))):
        if best is None:
            best = one
            continue
        worth = _price(one) == _price(best) or _accuracy(one) - _accuracy(best) >= SMALLEST_GAIN
        best = one if worth and advantage(_side(one), _side(best)) > SURE else best
    return best


def _is_default(judged: Judged) -> bool:
    method = judged.candidate.method
    return bool(method["kind"] == "ridge" and method.get("blocks") == "stages+pixels")


def _price(judged: Judged) -> float:
    """What using it costs, up to a factor: weights times places; measured times would differ between runs."""
    card = card_of(judged.candidate.pretrained)
    return (card.num_parameters or 0) * judged.candidate.input_pixels**2


def _loss(judged: Judged) -> float:
    return judged.rung.log_loss.value if judged.rung.log_loss else float("inf")


def _accuracy(judged: Judged) -> float:
    return judged.rung.accuracy.value if judged.rung.accuracy else 0.0


def _side(judged: Judged) -> Side:
    if judged.predictions is None:
        raise PlanError(f"{judged.rung.name} was not fitted.")
    return Side(judged.rung.name, judged.predictions)


def _best_transfer(ladder: Ladder, seed: int) -> tuple[Judged | None, list[Comparison]]:
    """The best closed form, unless a gradient candidate is better beyond noise and by an amount that matters."""
    best = _best_closed(ladder)
    made = []
    for challenger in ladder.judged:
        if challenger.rung.family != "transfer" or challenger.temperature is None:
            continue
        if best is None:
            best = challenger
            continue
        comparison = compared(_side(challenger), _side(best), seed)
        made.append(comparison)
        best = challenger if wins(comparison) else best
    return best, made


def _concluded(ladder: Ladder, ranking: Ranking, only: Only | None, per_class: int | None) -> tuple[Decision, Plan]:
    task = ladder.task
    transfer, comparisons = _best_transfer(ladder, task.seed)
    chance = ladder.judged[0]
    without = _best_without(ladder) or chance
    if transfer is None and without is chance:
        why = " ".join(f"{one.rung.name}: {one.rung.reason}." for one in ladder.judged if one.rung.reason)
        raise PlanError(f"Nothing could be fitted within {ladder.budget_seconds / 60:g} minutes. {why}")
    if transfer is None:
        verdict: Any = "scratch"
        chosen, gain = without, Estimate(value=0.0, low=-1.0, high=1.0)
    else:
        verdict, made = verdict_of(_side(transfer), _side(without), _side(chance), task.seed)
        comparisons += made
        gain = made[0].accuracy_gain
        chosen = transfer if only == "transfer" else _chosen(verdict, transfer, without, made[0], chance)
    curve = _curve(ladder, transfer)
    sentence = sentence_for(verdict, transfer, without, chosen, gain, comparisons, only)
    reasons = reasons_for(ladder.judged, chosen, comparisons, curve, ranking)
    rejected = rejected_from(ladder.judged, ranking, chosen, comparisons)
    decision = Decision(
        verdict=verdict,
        chosen=chosen.rung.name,
        gain=gain,
        sentence=sentence,
        rungs=tuple(one.rung for one in ladder.judged),
        comparisons=tuple(comparisons),
        curve=curve,
        reasons=reasons,
        rejected=rejected,
        budget_seconds=ladder.budget_seconds,
        spent_seconds=ladder.spent_seconds,
    )
    return decision, _plan(ladder, chosen, decision, per_class)


def _chosen(verdict: str, transfer: Judged, without: Judged, comparison: Comparison, chance: Judged) -> Judged:
    """The winner; on a tie the one that is cheaper to use, unless its accuracy is lower by a point that may be real."""
    if verdict == "transfer":
        return transfer
    if without is chance:
        return transfer
    if verdict == "scratch":
        return without
    if without.rung.family == "canary" and without.candidate.pretrained != "pixels":
        return transfer  # the same network with random weights is no cheaper
    return transfer if comparison.accuracy_gain.value >= SMALLEST_GAIN else without


class _Curve(Record):
    """A learning curve, where the rows suffice for one."""

    curve: LearningCurve | None


def _curve(ladder: Ladder, transfer: Judged | None) -> LearningCurve | None:
    judged = _best_closed(ladder)
    if transfer is None or judged is None:
        return None
    task, candidate = ladder.task, judged.candidate

    def make(_: Path) -> _Curve:
        features, rows = ladder.features_for_curve(judged, MOST_ROWS)
        matrix = Representation.fitted(features, candidate.method.get("blocks", "penultimate")).matrix(features)
        found = learning_curve(matrix, rows.labels, rows.groups, task.num_classes, task.seed, len(task.labeled))
        return _Curve(curve=found)

    inputs = fold_inputs(task, candidate, ladder.backbone(candidate), judged.rung.num_folds)
    return ladder.steps.run("curve", inputs, _Curve, make).curve


def _plan(ladder: Ladder, chosen: Judged, decision: Decision, per_class: int | None) -> Plan:
    candidate: Candidate = chosen.candidate
    gradient = chosen.temperature is not None
    return Plan(
        data=ladder.task.place,
        seed=ladder.task.seed,
        per_class=per_class,
        pretrained=candidate.pretrained,
        weights=candidate.weights,
        input_pixels=candidate.input_pixels,
        method=candidate.method,
        training=candidate.training,
        max_rows=candidate.max_rows if gradient else ladder.final_rows(chosen),
        hold_out=gradient and not ladder.refits,
        temperature=chosen.temperature,
        verdict=decision.verdict,
        reasons=decision.reasons,
        rejected=decision.rejected,
    )
