"""Learned labels: images whose labels a model was trained on cannot tell how good it is."""

from __future__ import annotations

from headstart.backbones.learned import learned_by
from headstart.core.errors import PlanError
from headstart.data.images import ImageSet
from headstart.data.task import Task

NEGLIGIBLE = 0.01
"""Of the images that judge: so few may be known without a difference that matters."""


def check_not_learned(task: Task, name: str, weights: str = "pretrained", *, judged: bool = True) -> None:
    """Refuse a model that has learned the labels of the very images that are to judge it.

    Args:
        task: What is to be learned. Rows of a source that stand in for labeled ones may be known.
        name: Of a pretrained model.
        weights: Its own, "pretrained", or others.
        judged: Whether held-out training rows judge it too, as where candidates or settings are compared.

    Raises:
        PlanError: It has learned the labels of more than one in a hundred of them.
    """
    known = learned_by(name) if weights == "pretrained" else frozenset()
    if not known or task.train.images.embedded:
        return
    rows: dict[str, ImageSet] = {"test": task.test} if task.test else {}
    if (judged or not task.test) and task.train is not task.source:
        rows["labeled"] = task.labeled
    for kind, images in rows.items():
        count = len(known.intersection(images.content_keys))
        if count > NEGLIGIBLE * len(images):
            raise PlanError(
                f"{name} has learned the labels of {count:,} of the {len(images):,} {kind} images of {task.name}, which cannot "
                "judge it then. Name another model, or one that was pretrained without labels."
            )
