"""Distilling: one network in place of an ensemble, wanted for its cost, where it loses no more than is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from scipy.special import ndtri

from headstart.core.errors import PlanError
from headstart.core.progress import note, stage
from headstart.core.steps import Steps
from headstart.methods import METHODS
from headstart.methods.base import settings_of
from headstart.methods.semi.ensemble_distillation import EnsembleDistillation, Teacher
from headstart.planning.costs import seconds_of_cross_validation
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.multiple_comparisons import ERROR
from headstart.planning.deciding.verdict import Side, compared
from headstart.planning.fitting import backbone_of, candidate_of, cross_validated_plan
from headstart.planning.improving.adjustment import Adjustment, Trial, changes_between, measured
from headstart.planning.improving.fit_evidence import FitEvidence
from headstart.planning.improving.prediction_cost import PredictionCost, prediction_cost
from headstart.planning.plan import Member, Partner, Plan, is_gradient
from headstart.planning.results import Comparison

MARGIN = 0.02
"""What one network may lose in accuracy against the ensemble. Chosen, not measured."""
RULE = "distillation"


class Student(NamedTuple):
    """One network that may take the place of an ensemble.

    Attributes:
        plan: What would be fitted.
        reason: What it is, as the beginning of a sentence.
    """

    plan: Plan
    reason: str


class ComparedStudent(NamedTuple):
    """A student, how it does out of fold, and what became of it so far."""

    student: Student
    validated: CrossValidated
    trial: Trial


def students_of(evidence: FitEvidence) -> list[Student]:
    """Each member of the ensemble alone, and what its closed forms teach where there are unlabeled images."""
    plan = evidence.plan
    members = [_alone(plan, place) for place in range(1 + len(plan.partners))]
    alone = [Student(one, f"{candidate_of(one).name}, a member alone.") for one in members]
    return [*taught_students(evidence), *alone]


def taught_students(evidence: FitEvidence) -> Iterator[Student]:
    """Ridge on the network that counts most in the ensemble, taught by the closed forms of it; none without unlabeled images.

    A model trained by gradient does not teach: each fold would have to train it again.
    """
    plan, task = evidence.plan, evidence.task
    shares = plan.shares or (1 / (1 + len(plan.partners)),) * (1 + len(plan.partners))
    closed = [place for place, one in enumerate(_members(plan)) if not is_gradient(one.method) and shares[place] > 0]
    carrying = [place for place in closed if _members(plan)[place].weights != "none"] or closed
    if not task.unlabeled or not closed:
        return
    first = max(carrying, key=lambda place: shares[place])
    factor = sum(shares) / sum(shares[place] for place in closed)
    teachers = tuple(_teacher(_members(plan)[place], factor * shares[place]) for place in closed)
    method = EnsembleDistillation(teachers=teachers)
    counted = f"{len(closed)} closed form{'s' * (len(closed) > 1)} of the ensemble"
    taught = _alone(plan, first).model_copy(update={"method": settings_of(method)})
    reason = f"{candidate_of(taught).name}, taught by {counted} on {len(task.unlabeled):,} unlabeled images."
    yield Student(taught, reason)


def distill(evidence: FitEvidence, steps: Steps, margin: float = MARGIN, *, parent: str = "", earlier: int = 0) -> Adjustment:
    """The plan of one network in place of an ensemble's, if it may lose no more accuracy than the margin.

    All students are judged on the folds of the ensemble, by their paired difference in accuracy. Of those that may lose no more
    than the margin the cheapest is taken, by operations an image; among equals the one with the lowest log loss. What one may
    lose is the bound at a level of 2.5 %, divided by the number of students. Test labels are never read.

    Args:
        evidence: Of the finished fit.
        steps: Where finished folds are kept and found.
        margin: A share of the images, in [0, 1].
        parent: The run's folder, for the record.
        earlier: Changes tested on the same rows before the run's plan came about.

    Returns:
        What was tried, and the plan that stands.

    Raises:
        PlanError: The plan has one member, its model or a fold of it is missing, or the margin is no share.
    """
    check_distillable(evidence.plan, margin)
    if evidence.model is None:
        raise PlanError("The run has no model to distill: its training broke down. Leave out --distill.")
    students = students_of(evidence)
    _announce(students, evidence, steps)
    ensemble = cross_validated_plan(evidence.task, evidence.plan, steps)
    if ensemble.predictions is None:
        raise PlanError(f"The ensemble cannot be judged: {ensemble.result.reason}")
    before, side = prediction_cost(evidence.model.backbones), Side("the ensemble", ensemble.predictions)
    found = [_compared_with(student, evidence, steps, side, before, len(students)) for student in students]
    found.sort(key=lambda one: _order(one.trial, margin))
    plan, trials = evidence.plan, [one.trial for one in found]
    first, validated, _ = found[0]
    if trials[0].outcome != "failed" and trials[0].may_lose <= margin:
        reasons = (*plan.reasons, f"{RULE}: {first.reason} In place of the ensemble: {trials[0].sentence}.")
        plan = first.plan.model_copy(update={**validated.calibration, "reasons": reasons})
        trials[0] = trials[0].model_copy(update={"outcome": "kept"})
    return Adjustment(parent=parent, minutes=None, margin=margin, earlier=earlier, plan=plan, trials=tuple(trials), advice=())


def _compared_with(
    student: Student, evidence: FitEvidence, steps: Steps, ensemble: Side, before: PredictionCost, count: int
) -> ComparedStudent:
    """A student against the ensemble."""
    plan = student.plan
    with stage(candidate_of(plan).name):
        validated = cross_validated_plan(evidence.task, plan, steps)
    result, changes = validated.result, changes_between(evidence.plan, plan)
    known = {"rule": RULE, "reason": student.reason, "changes": changes, "seconds": result.seconds}
    if validated.predictions is None:
        return ComparedStudent(student, validated, Trial(outcome="failed", sentence=result.reason, **known))
    comparison = compared(Side(result.name, validated.predictions), ensemble, evidence.task.seed)
    lost, cost = _may_lose(comparison, count), cost_of_fitted(plan)
    sentence = f"{measured(comparison)}, so that it may lose {100 * lost:.1f} points; {cost.instead_of(before)}"
    facts = {"outcome": "not chosen", "sentence": sentence, "comparison": comparison}
    return ComparedStudent(student, validated, Trial(may_lose=lost, multiply_adds=cost.multiply_adds, **facts, **known))


def _may_lose(comparison: Comparison, count: int) -> float:
    """The bound of the loss in accuracy at a level of 2.5 %, divided by the number of students; 0 where there is none.

    Few draws of the bootstrap lie beyond small levels: its interval is widened as a normal one.
    """
    gain, factor = comparison.accuracy_gain, float(ndtri(ERROR / 2 / count) / ndtri(ERROR / 2))
    return max(0.0, factor * (gain.value - gain.low) - gain.value)


def _order(trial: Trial, margin: float) -> tuple[float, ...]:
    """Those within the margin by their cost, then the others by what they may lose, then those that broke down."""
    if trial.comparison is None:
        return (2.0,)
    loss = -trial.comparison.log_loss_gain.value
    return (0.0, trial.multiply_adds, loss) if trial.may_lose <= margin else (1.0, trial.may_lose, loss)


def check_distillable(plan: Plan, margin: float) -> None:
    """`PlanError` where the plan has one member, or the margin is no share."""
    if not plan.partners:
        raise PlanError("The run predicts by a single model: there is no ensemble to distill. Leave out --distill.")
    if not 0 <= margin <= 1:
        raise PlanError(f"--margin {margin:g} is no share of the images. Give one from 0 to 1, such as 0.02 for two points.")


def _announce(students: list[Student], evidence: FitEvidence, steps: Steps) -> None:
    """Say what it will take, before it begins."""
    task = evidence.task
    seconds = sum(
        seconds_of_cross_validation(candidate_of(one.plan), task, backbone_of(one.plan), steps, num_more=1) for one in students
    )
    note(f"{len(students)} single networks are judged on the folds of the ensemble: about {seconds:.0f} s for all.")


def _members(plan: Plan) -> tuple[Member, ...]:
    return plan, *plan.partners


def _alone(plan: Plan, place: int) -> Plan:
    """The plan of one member: what is fitted is its model alone, on its own folds calibrated anew."""
    member = _members(plan)[place]
    fields: dict[str, Any] = {"partners": (), "shares": (), "temperature": None, "fold_models": None}
    fields["hold_out"] = plan.hold_out and is_gradient(member.method)  # a closed form learns from all rows, at little cost
    if isinstance(member, Partner):
        own = {name: getattr(member, name) for name in Member.model_fields}
        rows = plan.max_rows if member.max_rows is None else member.max_rows
        fields |= {**own, "training": member.training or plan.training, "max_rows": rows, "mean": None, "std": None}
    return plan.model_copy(update=fields)


def _teacher(member: Member, share: float) -> Teacher:
    """The member as a teacher; the statistics of the channels are those of the plan's own network alone."""
    shown = {"mean": member.mean, "std": member.std} if isinstance(member, Plan) else {}
    return Teacher(share=share, **shown, **{name: getattr(member, name) for name in Member.model_fields})


def cost_of_fitted(plan: Plan) -> PredictionCost:
    """What the model of a plan without partners will cost."""
    return prediction_cost([backbone_of(plan)]).times(2 if METHODS.get(plan.method["kind"]).keeps_initial_network else 1)
