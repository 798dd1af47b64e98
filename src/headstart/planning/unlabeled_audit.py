"""The audit of a plan's predictions for unlabeled images, from folds that were judged anyway."""

from __future__ import annotations

from itertools import takewhile

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.spacing import evenly_spaced
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit, pseudo_label_audit
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate, fold_inputs, is_gradient
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.plan import Plan

MOST_POOL = 2_000
"""Unlabeled images that are looked at: enough for a standard error of a share of 1.1 points."""


def audited(task: Task, plan: Plan, model: Model, steps: Steps) -> PseudoLabelAudit | None:
    """What a fitted plan's predictions for the unlabeled images are worth as labels.

    Folds of closed forms are judged where they have not been; those of gradient methods are only read, as each costs a fit.

    Args:
        task: The plan's task.
        plan: What was fitted.
        model: What came out.
        steps: Where judged folds lie.

    Returns:
        The audit; None where there are no unlabeled images, or no labeled image was held out.
    """
    if not task.unlabeled or not task.classes:
        return None
    candidate, backbone = candidate_of(plan), backbone_of(plan)
    folds = task.folds[: _num_finished(task, candidate, backbone, steps)] if is_gradient(candidate) else task.folds
    held = cross_validate(task, candidate, backbone, folds, steps).predictions if folds else None
    if held is None:
        return None
    rows = evenly_spaced(len(task.unlabeled), MOST_POOL)
    pool = model.predict(task.unlabeled.take(rows))
    return pseudo_label_audit(pool.probs, held.probs, held.labels, task.classes, task.seed)


def _num_finished(task: Task, candidate: Candidate, backbone: Backbone, steps: Steps) -> int:
    """The folds that the candidate, and each of its partners, have behind them."""
    fitted = [(candidate.alone, backbone)] + [
        (partner, load_backbone(partner.pretrained, partner.weights, partner.input_pixels, task.seed))
        for partner in candidate.of_partners
    ]

    def finished(index: int) -> bool:
        stems = (steps.stem("fold", fold_inputs(task, one, own, index)) for one, own in fitted)
        return all((steps.folder / f"{stem}.json").exists() for stem in stems)

    return sum(1 for _ in takewhile(finished, range(len(task.folds))))
