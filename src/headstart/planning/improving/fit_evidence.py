"""Evidence: what a fit shows of itself, gathered once for all rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions, mean_of
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.data.task import Task
from headstart.methods import METHODS
from headstart.methods.model import Model
from headstart.planning.cross_validation import CrossValidated, rows_for
from headstart.planning.fitting import candidate_of
from headstart.planning.improving.training_curve import TrainingCurve, training_curve_of
from headstart.planning.plan import Plan

MOST_FITTED = 1_000
"""Rows on which the fit itself is measured: enough for a standard error of 1.5 points."""

Aim = Literal["accuracy", "balanced accuracy", "log loss"]
"""By what a proposal must be better: most of them by accuracy, those for rare classes with every class counting the same, and
those for the probabilities alone by log loss."""


@dataclass(frozen=True)
class FitEvidence:
    """A plan, what it gave, and what came out on rows that it saw and on rows that it did not.

    Attributes:
        task: What is to be learned.
        plan: What was fitted.
        backbone: What the fit started from.
        judged: How the plan does out of fold.
        model: What came out; None where the fit broke down.
        fitted: The model's predictions for rows that it was fitted on; None where the fit broke down.
        course: How the training loss went; None for closed forms and where no history was kept.
        evaluation: Of the test set, which advice may quote and no proposal is judged by; None where there is none.
        left_seconds: What is left of the budget; None where the user gave none.
    """

    task: Task
    plan: Plan
    backbone: Backbone
    cross_validated: CrossValidated
    model: Model | None
    fitted: Predictions | None
    course: TrainingCurve | None = None
    evaluation: Evaluation | None = None
    left_seconds: float | None = None

    @property
    def gradient(self) -> bool:
        """Whether the plan trains by gradient."""
        return METHODS.get(self.plan.method["kind"]).cost == "gradient"

    @property
    def held(self) -> Predictions | None:
        """Out-of-fold predictions; None where the folds broke down."""
        return self.cross_validated.predictions

    @property
    def deployed(self) -> Predictions | None:
        """Out-of-fold predictions at the temperature that the plan's model has; None where the folds broke down."""
        if self.held is None or self.cross_validated.temperature is None:
            return self.held
        if self.plan.partners:
            return mean_of(self.cross_validated.parts, self.plan.shares)
        scores = np.log(np.maximum(self.held.raw_probs, 1e-12))
        return replace(self.held, probs=softmax(scores / (self.plan.temperature or 1.0), axis=1))

    @property
    def held_error(self) -> float:
        """Share of wrong predictions on rows that were not fitted on; 1 where the folds broke down."""
        return 1.0 if self.held is None else 1.0 - float(self.held.correct.mean())

    @property
    def fitted_error(self) -> float:
        """Share of wrong predictions on rows that were fitted on; 1 where the fit broke down."""
        return 1.0 if self.fitted is None else 1.0 - float(self.fitted.correct.mean())

    @cached_property
    def recalls(self) -> Floats:
        """Share of each class's held-out rows that was found, float64 [class]; nan where it has none."""
        if self.held is None:
            return np.full(self.task.num_classes, np.nan)
        counts = np.bincount(self.held.labels, minlength=self.task.num_classes).astype(float)
        right = np.bincount(self.held.labels, self.held.correct, self.task.num_classes)
        return np.asarray(np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0))

    def changed(self, **fields: Any) -> Plan:
        """The plan with those fields, for which its temperature no longer holds."""
        return self.plan.model_copy(update={"temperature": None, "shares": (), **fields})

    def trained(self, **fields: Any) -> Plan:
        """The plan with those fields of `Training`."""
        return self.changed(training=self.plan.training.model_copy(update=fields))


@dataclass(frozen=True)
class Proposal:
    """One changed plan.

    Attributes:
        plan: The changed plan.
        reason: One sentence with the numbers that speak for it.
        gain: Share of the held-out error that the change may take away; a prior that only orders proposals.
        aim: By what it must be better.
    """

    plan: Plan = field(repr=False)
    reason: str
    gain: float
    aim: Aim = "accuracy"


def fitted_rows(task: Task, plan: Plan) -> Integers:
    """Rows of `task.labeled` that the plan's model was fitted on."""
    rows = task.folds[0].fit if plan.hold_out else np.arange(len(task.labeled))
    return rows_for(candidate_of(plan), task, rows)


def gathered(
    task: Task, plan: Plan, backbone: Backbone, validated: CrossValidated, model: Model | None, workspace: Path, **known: Any
) -> FitEvidence:
    """The evidence of a fit.

    Args:
        task: What is to be learned.
        plan: What was fitted.
        backbone: What the fit started from.
        judged: How the plan does out of fold.
        model: What came out; None where the fit broke down.
        workspace: The fit's folder, with its histories.
        **known: Further fields of `FitEvidence`.

    Returns:
        The evidence.
    """
    rows = fitted_rows(task, plan)
    spread = rows[evenly_spaced(len(rows), MOST_FITTED)]
    return FitEvidence(
        task=task,
        plan=plan,
        backbone=backbone,
        cross_validated=validated,
        model=model,
        fitted=model.predict(task.labeled.take(spread)) if model else None,
        course=training_curve_of(workspace, plan.training, task.labeled.labels[rows], task.num_classes),
        **known,
    )
