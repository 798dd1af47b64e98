"""Fitting the novelty detector of a fitted model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.methods.model import Model
from headstart.novelty.detector import fit_detector


def with_detector(model: Model, task: Task, untouched: Collection[str], held: ImageSet | None = None) -> Model:
    """The model with a novelty detector on one of its networks.

    That is a network that was not trained, where there is one among the model, what it corrects and its partners: images that
    a network was trained on are more alike in its features than new images are.

    Args:
        model: Fitted to the task.
        task: What it was fitted to.
        untouched: Hashes of networks as they were before the fit.
        held: Labeled images that were left out of the fit.

    Returns:
        The same model where there is too little to remember.
    """
    if not task.classes:
        return model
    if model.backbone.weights_hash not in untouched:
        if model.base is not None and model.base.backbone.weights_hash in untouched:
            return replace(model, base=with_detector(model.base, task, untouched, held))
        for place, partner in enumerate(model.partners):
            if partner.backbone.weights_hash in untouched:
                own = with_detector(partner, task, untouched, held)
                return replace(model, partners=(*model.partners[:place], own, *model.partners[place + 1 :]))
    return replace(model, novelty_detector=fit_detector(task, model.backbone, held))
