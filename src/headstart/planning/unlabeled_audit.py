"""The audit of a plan's predictions for unlabeled images, from folds that were fitted anyway."""

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
from headstart.planning.cross_validation import cross_validate, fold_inputs
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.plan import Plan, is_gradient

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
    folds = task.folds[: _num_finished(task, candidate, backbone, steps)] if is_gradient(plan.method) else task.folds
    held_out = cross_validate(task, candidate, backbone, folds, steps).predictions if folds else None
    if held_out is None:
        return None
    rows = evenly_spaced(len(task.unlabeled), MOST_UNLABELED)
    unlabeled = model.predict(task.unlabeled.take(rows))
    return pseudo_label_audit(unlabeled.probs, held_out.probs, held_out.labels, task.classes, task.seed)


def _num_finished(task: Task, candidate: Candidate, backbone: Backbone, steps: Steps) -> int:
    """The number of folds that the candidate, and each of its partners, have been fitted to."""
    own, *partners = candidate.members
    fitted = [(own, backbone)] + [
        (partner, load_backbone(partner.pretrained, partner.weights, partner.input_pixels, task.seed)) for partner in partners
    ]

    def finished(index: int) -> bool:
        stems = (steps.stem("fold", fold_inputs(task, one, own, index)) for one, own in fitted)
        return all((steps.folder / f"{stem}.json").exists() for stem in stems)

    return sum(1 for _ in takewhile(finished, range(len(task.folds))))
