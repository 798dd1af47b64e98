"""Learned labels: images whose labels a model was trained on cannot tell how good it is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from headstart.backbones.label_contamination import labels_learned_by
from headstart.core.errors import PlanError
from headstart.data.images import ImageSet
from headstart.data.task import Task

NEGLIGIBLE = 0.01
"""Of the images that judge: so few may be known without a difference that matters."""


def check_contamination(task: Task, networks: Iterable[tuple[str, str]], *, judged: bool = True) -> None:
    """Refuse models of which one has learned the labels of the very images that are to judge it.

    Args:
        task: What is to be learned. Rows of a source that stand in for labeled ones may be known.
        networks: The name of each pretrained model, with its weights: its own, "pretrained", or others.
        judged: Whether held-out training rows judge it too, as where candidates or settings are compared.

    Raises:
        PlanError: One has learned the labels of more than one in a hundred of them.
    """
    known = {name: labels_learned_by(name) for name, weights in networks if weights == "pretrained"}
    if not any(known.values()) or task.train.images.embedded:
        return
    rows: dict[str, ImageSet] = {"test": task.test} if task.test else {}
    if (judged or not task.test) and task.train is not task.source:
        rows["labeled"] = task.labeled
    for (name, keys), (kind, images) in product(known.items(), rows.items()):
        count = len(keys.intersection(images.content_keys))
        if count > NEGLIGIBLE * len(images):
            raise PlanError(
                f"{name} has learned the labels of {count:,} of the {len(images):,} {kind} images of {task.name}, which cannot "
                "judge it then. Name another model, or one that was pretrained without labels."
            )
