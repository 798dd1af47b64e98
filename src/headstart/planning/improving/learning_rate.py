"""The learning rate of a plan, found by a learning-rate range test instead of taken from a table."""

from __future__ import annotations

from headstart.core.errors import PlanError
from headstart.core.progress import stage
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.base import GradientMethod
from headstart.planning.fitting import backbone_of, fitted_rows
from headstart.planning.plan import Plan
from headstart.training.learning_rate_finder import LearningRateCurve


def with_found_learning_rate(task: Task, plan: Plan) -> tuple[Plan, LearningRateCurve]:
    """The plan with the learning rate that a range test suggests, and the reason in it; and the curve of the test.

    The same arguments give the same ones. Raises `PlanError` for closed forms, which take no steps, and for methods that train
    several times, and `TrainingError` where the loss is not finite before the first step.
    """
    method = method_from(plan.method)
    if method.cost == "gradient" and not isinstance(method, GradientMethod):
        raise PlanError(
            f"{method.kind()} trains several times, each with a step size of its own, and one test does not find them all. "
            "Fit fine_tune or lp_ft with --find-rate and set training.lr to what it finds."
        )
    if not isinstance(method, GradientMethod):
        raise PlanError(f"{method.kind()} is solved in closed form and takes no steps, so there is no step size to find.")
    part = task.restricted_to(fitted_rows(task, plan))
    with stage("finding the step size"):
        curve = method.rate_curve(part, backbone_of(plan), plan.training)
    training = plan.training.model_copy(update={"lr": curve.suggested})
    return plan.model_copy(update={"training": training, "reasons": (*plan.reasons, curve.sentence)}), curve
