"""Images whose labels a network of a run was trained on: they cannot tell how good it is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from headstart.backbones.providers.own_runs import run_of
from headstart.core.errors import PlanError
from headstart.core.key_files import read_keys
from headstart.data.images import ImageSet
from headstart.data.task import Task

FILE = "learned.txt"
"""Content keys, one a line."""
NEGLIGIBLE = 0.01
"""Share of the evaluated images whose labels may have been learned. If the model is right on all of them, the accuracy rises by
one point at most, the smallest difference that `decide` acts on."""


def labels_learned_in(run: Path) -> frozenset[str]:
    """The content keys of the images whose labels the network in a run's folder has learned."""
    return read_keys(run / FILE)


def labels_learned_by(name: str) -> frozenset[str]:
    """Content keys of the images whose labels the named model has learned; none for models that are no runs of the user."""
    folder = run_of(name)
    return labels_learned_in(folder) if folder else frozenset()


def check_contamination(task: Task, networks: Iterable[tuple[str, str]], *, cross_validated: bool = True) -> None:
    """Refuse models that have learned the labels of the images that they are evaluated on.

    Args:
        task: What is to be learned. Rows of a source that stand in for labeled ones may be known.
        networks: Name and weights of each pretrained model; only weights "pretrained" are checked.
        cross_validated: Whether held-out training rows are evaluated too, as where candidates or settings are compared.

    Raises:
        PlanError: One has learned the labels of more than one in a hundred of them.
    """
    known = {name: labels_learned_by(name) for name, weights in networks if weights == "pretrained"}
    if not any(known.values()) or task.train.images.embedded:
        return
    rows: dict[str, ImageSet] = {"test": task.test} if task.test else {}
    if (cross_validated or not task.test) and task.train is not task.source:
        rows["labeled"] = task.labeled
    for (name, keys), (kind, images) in product(known.items(), rows.items()):
        count = len(keys.intersection(images.content_keys))
        if count > NEGLIGIBLE * len(images):
            raise PlanError(
                f"{name} has learned the labels of {count:,} of the {len(images):,} {kind} images of {task.name}, which cannot "
                "judge it then. Name another model, or one that was pretrained without labels."
            )
