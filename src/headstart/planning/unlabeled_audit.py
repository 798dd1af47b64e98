"""The audit of a plan's predictions for unlabeled images, from folds that were fitted anyway."""

from __future__ import annotations

from headstart.core.spacing import evenly_spaced
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit, pseudo_label_audit
from headstart.methods.model import Model
from headstart.planning.cross_validation import cross_validate, num_finished
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.plan import Plan

MOST_UNLABELED = 2_000
"""Unlabeled images that are predicted: a share among so many has a standard error of 1.1 points at most."""


def audited(task: Task, plan: Plan, model: Model, steps: Steps) -> PseudoLabelAudit | None:
    """What a fitted plan's predictions for the unlabeled images are worth as labels.

    None where there are no unlabeled images, or no labeled image was held out. Missing folds of closed forms are fitted; those of
    gradient methods are only read, as each costs minutes.
    """
    if not task.unlabeled or not task.classes:
        return None
    candidate, backbone = candidate_of(plan), backbone_of(plan)
    folds = task.folds[: num_finished(task, candidate, backbone, steps)] if plan.is_trained else task.folds
    held_out = cross_validate(task, candidate, backbone, folds, steps, plan.shares).predictions if folds else None
    if held_out is None:
        return None
    rows = evenly_spaced(len(task.unlabeled), MOST_UNLABELED)
    unlabeled = model.predict(task.unlabeled.take(rows))
    return pseudo_label_audit(unlabeled.probs, held_out.probs, held_out.labels, task.classes, task.seed)
