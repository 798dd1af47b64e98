"""The evidence of a fit: its errors on fitted and on held-out rows and its training curve, gathered once for all rules."""

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
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.methods.model import Model
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.fitting import fitted_rows, to_its_end
from headstart.planning.improving.training_curve import TrainingCurve, training_curve_of
from headstart.planning.plan import Plan, is_gradient

MOST_FITTED = 1_000
"""Fitted rows that are predicted: an accuracy has a standard error of 1.6 points at most."""

Aim = Literal["accuracy", "balanced accuracy", "log loss"]
"""By what a proposal must be better: most of them by accuracy, those for rare classes with every class counting the same, and
those for the probabilities alone by log loss."""


@dataclass(frozen=True)
class FitEvidence:
    """A plan, its model, and how well this predicts fitted and held-out rows.

    Attributes:
        task: What is to be learned.
        plan: What was fitted.
        backbone: What the fit started from.
        cross_validated: How the plan does out of fold.
        model: What came out; None where the fit broke down.
        fitted: The model's predictions for rows that it was fitted on; None where the fit broke down.
        training_curve: None for closed forms and where no history was kept.
        evaluation: Of the test set, which advice may quote and no proposal is chosen by; None where there is none.
        left_seconds: What is left of the budget; None where the user gave none.
    """

    task: Task
    plan: Plan
    backbone: Backbone
    cross_validated: CrossValidated
    model: Model | None
    fitted: Predictions | None
    training_curve: TrainingCurve | None = None
    evaluation: Evaluation | None = None
    left_seconds: float | None = None

    @property
    def gradient(self) -> bool:
        """Whether the plan trains by gradient."""
        return is_gradient(self.plan.method)

    @property
    def held_out(self) -> Predictions | None:
        """Out-of-fold predictions; None where the folds broke down."""
        return self.cross_validated.predictions

    @property
    def deployed(self) -> Predictions | None:
        """Out-of-fold predictions at the temperature that the plan's model has; None where the folds broke down."""
        if self.held_out is None or self.cross_validated.temperature is None:
            return self.held_out
        if self.plan.partners:
            return mean_of(self.cross_validated.members, self.plan.shares)
        scores = np.log(np.maximum(self.held_out.raw_probs, 1e-12))
        return replace(self.held_out, probs=softmax(scores / (self.plan.temperature or 1.0), axis=1))

    @property
    def held_out_error(self) -> float:
        """Share of wrong predictions on rows that were not fitted on; 1 where the folds broke down."""
        return 1.0 if self.held_out is None else 1.0 - float(self.held_out.correct.mean())

    @property
    def fitted_error(self) -> float:
        """Share of wrong predictions on rows that were fitted on; 1 where the fit broke down."""
        return 1.0 if self.fitted is None else 1.0 - float(self.fitted.correct.mean())

    @cached_property
    def recalls(self) -> Floats:
        """Recall of each class on held-out rows, float64 [class]; nan where it has none."""
        if self.held_out is None:
            return np.full(self.task.num_classes, np.nan)
        counts = np.bincount(self.held_out.labels, minlength=self.task.num_classes).astype(float)
        right = np.bincount(self.held_out.labels, self.held_out.correct, self.task.num_classes)
        return np.asarray(np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0))

    def changed(self, **fields: Any) -> Plan:
        """The plan with those fields, for which its temperature no longer holds; see also `Plan.no_longer_said`."""
        plan = self.plan.model_copy(update={"temperature": None, "shares": (), **fields})
        return plan.model_copy(update=plan.no_longer_said(self.plan))

    def trained(self, **fields: Any) -> Plan:
        """The plan with those fields of `Training`, which ends where its schedule does, as what time ended says nothing of it."""
        whole = to_its_end(self.task, self.plan)
        return replace(self, plan=whole).changed(training=whole.training.model_copy(update=fields))


@dataclass(frozen=True)
class Proposal:
    """One changed plan.

    Attributes:
        plan: The changed plan.
        reason: One sentence with the numbers that speak for it.
        gain: Expected gain, as a share of the held-out error; it only orders the proposals of several rules.
        aim: By what it must be better.
    """

    plan: Plan = field(repr=False)
    reason: str
    gain: float
    aim: Aim = "accuracy"


def gathered(
    task: Task, plan: Plan, backbone: Backbone, validated: CrossValidated, model: Model | None, workspace: Path, **known: Any
) -> FitEvidence:
    """The evidence of a fit, whose histories lie in that workspace; `known` are further fields of `FitEvidence`."""
    rows = fitted_rows(task, plan)
    some = rows[evenly_spaced(len(rows), MOST_FITTED)]
    return FitEvidence(
        task=task,
        plan=plan,
        backbone=backbone,
        cross_validated=validated,
        model=model,
        fitted=model.predict(task.labeled.take(some)) if model else None,
        training_curve=training_curve_of(workspace, plan.training, task.labeled.labels[rows], task.num_classes),
        **known,
    )
