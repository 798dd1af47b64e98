"""Distilling: one network in place of an ensemble, wanted for its cost, where it loses no more than is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf
from typing import Any, NamedTuple

from headstart.core.errors import PlanError
from headstart.core.progress import note, stage
from headstart.core.steps import Steps
from headstart.methods.base import settings_of
from headstart.methods.semi.ensemble_distillation import EnsembleDistillation, Teacher
from headstart.planning.costs import seconds_of_cross_validation
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.verdict import Side, compared
from headstart.planning.fitting import backbone_of, candidate_of, cross_validated_plan
from headstart.planning.improving.adjustment import Adjustment, Trial, changes_between, measured
from headstart.planning.improving.fit_evidence import FitEvidence
from headstart.planning.improving.prediction_cost import PredictionCost, prediction_cost
from headstart.planning.plan import Member, Partner, Plan, is_gradient

MARGIN = 0.02
"""What one network may lose in accuracy against the ensemble, at the lower end of the 95 % interval. Chosen, not measured."""
RULE = "distillation"


class Student(NamedTuple):
    """One network that may take the place of an ensemble.

    Attributes:
        plan: What would be fitted.
        reason: What it is, as the beginning of a sentence.
    """

    plan: Plan
    reason: str


class Judged(NamedTuple):
    """A student with its out-of-fold predictions."""

    student: Student
    validated: CrossValidated

    @property
    def log_loss(self) -> float:
        """Its mean; infinite where a fold broke down."""
        predictions = self.validated.predictions
        return inf if predictions is None else float(predictions.log_losses.mean())

    def trial(self, evidence: FitEvidence, ensemble: Side, before: PredictionCost) -> Trial:
        """The student against the ensemble, before any of them is chosen."""
        plan, result = self.student.plan, self.validated.result
        facts: dict[str, Any] = {"outcome": "failed", "sentence": result.reason}
        if self.validated.predictions is not None:
            comparison = compared(Side(result.name, self.validated.predictions), ensemble, evidence.task.seed)
            cost = prediction_cost([backbone_of(plan)]).instead_of(before)
            facts = {"outcome": "no better", "sentence": f"{measured(comparison)}; {cost}", "comparison": comparison}
        changes = changes_between(evidence.plan, plan)
        return Trial(rule=RULE, reason=self.student.reason, changes=changes, seconds=result.seconds, **facts)


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

    All students are judged on the folds of the ensemble. The one with the lowest log loss is taken if the lower end of the 95 %
    interval of its paired difference in accuracy is not below minus the margin. Test labels are never read.

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
    judged = [Judged(student, _validated(student, evidence, steps)) for student in students]
    ensemble = cross_validated_plan(evidence.task, evidence.plan, steps)
    if ensemble.predictions is None:
        raise PlanError(f"The ensemble cannot be judged: {ensemble.result.reason}")
    best, *others = sorted(judged, key=lambda one: one.log_loss)
    before = prediction_cost(evidence.model.backbones)
    first, *further = (one.trial(evidence, Side("the ensemble", ensemble.predictions), before) for one in (best, *others))
    further = [one if one.outcome == "failed" else _behind(one) for one in further]
    first = _within(first, margin)
    plan = evidence.plan
    if first.outcome == "kept":
        reasons = (*plan.reasons, f"{RULE}: {first.reason} In place of the ensemble: {first.sentence}.")
        plan = best.student.plan.model_copy(update={**best.validated.calibration, "reasons": reasons})
    return Adjustment(parent=parent, minutes=None, margin=margin, earlier=earlier, plan=plan, trials=(first, *further), advice=())


def check_distillable(plan: Plan, margin: float) -> None:
    """`PlanError` where the plan has one member, or the margin is no share."""
    if not plan.partners:
        raise PlanError("The run predicts by a single model: there is no ensemble to distill. Leave out --distill.")
    if not 0 <= margin <= 1:
        raise PlanError(f"--margin {margin:g} is no share of the images. Give one from 0 to 1, such as 0.02 for two points.")


def _within(trial: Trial, margin: float) -> Trial:
    """The trial of the best student: whether what it may lose is within the margin."""
    if trial.comparison is None:
        return trial
    lost = -trial.comparison.accuracy_gain.low
    if lost <= margin:
        return trial.model_copy(update={"outcome": "kept"})
    allowed = f"it may lose {100 * lost:.1f} points of accuracy, and {100 * margin:g} are allowed"
    sentence = f"{trial.sentence}; {allowed}: --margin {ceil(1000 * lost) / 1000:g} accepts it"
    return trial.model_copy(update={"outcome": "loses too much", "sentence": sentence})


def _behind(trial: Trial) -> Trial:
    """The trial of another student, which is not tested."""
    return trial.model_copy(update={"sentence": f"another one has a lower log loss: {trial.sentence}", "comparison": None})


def _announce(students: list[Student], evidence: FitEvidence, steps: Steps) -> None:
    """Say what it will take, before it begins."""
    task = evidence.task
    seconds = sum(
        seconds_of_cross_validation(candidate_of(one.plan), task, backbone_of(one.plan), steps, num_more=1) for one in students
    )
    note(f"{len(students)} single networks are judged on the folds of the ensemble: about {seconds:.0f} s for all.")


def _validated(student: Student, evidence: FitEvidence, steps: Steps) -> CrossValidated:
    with stage(candidate_of(student.plan).name):
        return cross_validated_plan(evidence.task, student.plan, steps)


def _members(plan: Plan) -> tuple[Member, ...]:
    return plan, *plan.partners


def _alone(plan: Plan, place: int) -> Plan:
    """The plan of one member: what is fitted is its model alone, on its own folds calibrated anew."""
    member = _members(plan)[place]
    fields: dict[str, Any] = {"partners": (), "shares": (), "temperature": None, "fold_models": None}
    if isinstance(member, Partner):
        own = {name: getattr(member, name) for name in Member.model_fields}
        rows = plan.max_rows if member.max_rows is None else member.max_rows
        fields |= {**own, "training": member.training or plan.training, "max_rows": rows, "mean": None, "std": None}
    return plan.model_copy(update=fields)


def _teacher(member: Member, share: float) -> Teacher:
    return Teacher(share=share, **{name: getattr(member, name) for name in Member.model_fields})
