"""Costs, measured before they are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.backbone import Backbone
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import num_missing, seconds_an_image
from headstart.methods import METHODS, method_from
from headstart.planning.candidate import Candidate
from headstart.planning.plan import is_gradient

MARGIN = 1.2
"""Factor on a measured cost before it is compared with a budget: costs vary by about this factor on a busy machine."""


class Cost(Record):
    """Seconds for one image, or for one fit."""

    seconds: float


def seconds_per_image(backbone: Backbone, task: Task, steps: Steps) -> float:
    """What the features of one image cost, measured on some of them; a restart reads the first measurement."""
    if task.train.images.embedded:
        return 0.0
    inputs = {"task": task.fingerprint, "image of": backbone.weights_hash, "transform": backbone.transform.to_dict()}
    return steps.run("cost", inputs, Cost, lambda _: Cost(seconds=seconds_an_image(task.train, backbone))).seconds


def rows_read(method: dict[str, Any], task: Task) -> list[ImageSet]:
    """The rows that a method reads: the labeled ones, and unlabeled ones and the sources' where it needs them."""
    needs = METHODS.get(method["kind"]).needs
    others = {"unlabeled": task.unlabeled, "source": task.source}
    return [task.labeled, *(rows for need, rows in others.items() if rows and need in needs)]


def needs_unlabeled(method: dict[str, Any]) -> bool:
    """Whether a method of that kind reads the unlabeled rows."""
    return "unlabeled" in METHODS.get(method["kind"]).needs


def seconds_of_features(backbone: Backbone, task: Task, steps: Steps, method: dict[str, Any] | None = None) -> float:
    """Seconds for the features that are not in the store yet, of the rows that a method reads; None: of the labeled rows.

    Restarts and other runs read the first measurement.
    """
    read = rows_read(method, task) if method else [task.labeled]

    def make(_: Path) -> Cost:
        return Cost(seconds=seconds_per_image(backbone, task, steps) * sum(num_missing(rows, backbone) for rows in read))

    inputs = {
        "task": task.fingerprint,
        "backbone": backbone.weights_hash,
        "transform": backbone.transform.to_dict(),
        "parts": [rows.fingerprint for rows in read[1:]],
    }
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_fit(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps) -> float:
    """Seconds for one fit on all of the task's training rows, measured on a few real steps."""

    def make(_: Path) -> Cost:
        return Cost(seconds=method_from(candidate.method).predicted_seconds(task, backbone, candidate.training))

    inputs = {"task": task.fingerprint, "candidate": candidate.to_dict(), "backbone": backbone.weights_hash}
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_cross_validation(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps, num_more: int = 0) -> float:
    """Seconds for one fit a fold and `num_more` further ones; for a closed form, those for its features."""
    if not is_gradient(candidate.method):
        return seconds_of_features(backbone, task, steps, candidate.method)
    first = task.restricted_to(task.folds[0].fit)
    return seconds_of_fit(candidate, first, backbone, steps) * (len(task.folds) + num_more)
