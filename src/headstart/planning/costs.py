"""Costs, measured before they are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.backbone import Backbone
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import num_unseen, seconds_an_image
from headstart.methods import METHODS, method_from
from headstart.planning.candidate import Candidate


class Cost(Record):
    """Seconds for one image, or for one fit."""

    seconds: float


def seconds_per_image(backbone: Backbone, task: Task, steps: Steps) -> float:
    """What one image costs to extract, measured on some of them; a restart reads the first measurement."""
    if task.train.images.embedded:
        return 0.0
    inputs = {"task": task.fingerprint, "image of": backbone.weights_hash, "transform": backbone.transform.to_dict()}
    return steps.run("cost", inputs, Cost, lambda _: Cost(seconds=seconds_an_image(task.train, backbone))).seconds


def parts_read(method: dict[str, Any], task: Task) -> list[ImageSet]:
    """The rows that a method of that kind reads: the labeled ones, unlabeled ones and the sources' where it needs them."""
    needs = METHODS.get(method["kind"]).needs
    others = {"unlabeled": task.unlabeled, "source": task.source}
    return [task.labeled, *(part for need, part in others.items() if part and need in needs)]


def needs_unlabeled(method: dict[str, Any]) -> bool:
    """Whether a method of that kind reads the unlabeled rows."""
    return "unlabeled" in METHODS.get(method["kind"]).needs


def seconds_of_features(backbone: Backbone, task: Task, steps: Steps, method: dict[str, Any] | None = None) -> float:
    """What the features of the rows cost: those seen before are free. Restarts and other runs read the first price.

    Args:
        backbone: What looks at the rows.
        task: What is to be learned.
        steps: Where prices are kept and found.
        method: Settings of the method that reads them; None for the labeled rows alone.

    Returns:
        Seconds.
    """
    parts = parts_read(method, task) if method else [task.labeled]

    def make(_: Path) -> Cost:
        return Cost(seconds=seconds_per_image(backbone, task, steps) * sum(num_unseen(part, backbone) for part in parts))

    inputs = {
        "task": task.fingerprint,
        "backbone": backbone.weights_hash,
        "transform": backbone.transform.to_dict(),
        "parts": [part.fingerprint for part in parts[1:]],
    }
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_fit(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps) -> float:
    """What one fit on all of the task's training rows costs, measured on a few real steps."""

    def make(_: Path) -> Cost:
        return Cost(seconds=method_from(candidate.method).predicted_seconds(task, backbone, candidate.training))

    inputs = {"task": task.fingerprint, "candidate": candidate.to_dict(), "backbone": backbone.weights_hash}
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_cross_validation(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps, num_more: int = 0) -> float:
    """What judging a candidate on all folds costs.

    Args:
        candidate: What would be judged.
        task: What is to be learned.
        backbone: The candidate's backbone.
        steps: Where prices are kept and found.
        num_more: Further fits of a gradient method to count in.

    Returns:
        Seconds: of one fit a fold, or of the features of a closed form.
    """
    if METHODS.get(candidate.method["kind"]).cost != "gradient":
        return seconds_of_features(backbone, task, steps, candidate.method)
    first = task.restricted_to(task.folds[0].fit)
    return seconds_of_fit(candidate, first, backbone, steps) * (len(task.folds) + num_more)
