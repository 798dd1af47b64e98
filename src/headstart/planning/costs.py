"""Costs, foreseen from operations before they are spent: no clock decides what is tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.backbones.machine_speed import slowness
from headstart.backbones.operations import FULL_RATE
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.core.stopping import stop_if_asked
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import num_missing, seconds_an_image
from headstart.methods import METHODS, method_from
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import num_finished
from headstart.planning.limits import check_memory
from headstart.planning.plan import is_gradient

MARGIN = 1.2
"""Factor on a predicted cost before it is compared with a budget that a clock cuts."""

HEAD_WIDTH = 2_500
"""Features of a row that a head on all stages is fitted to, about: EfficientNet-Lite0 has 1,792 there, and the pixels are 972."""
HEAD_PASSES = 8
"""Multiply-adds that solving for a head takes, as a multiple of rows times features times the smaller of both. Of 1,126 and 8,000
rows ridge takes 22 and 14 with one thread of the machine that the rates are of, and kernel ridge 84 and 31."""


class Cost(Record):
    """Predicted seconds of one fit."""

    seconds: float


def rows_read(method: dict[str, Any], task: Task) -> list[ImageSet]:
    """The rows that a method reads: the labeled ones, views of them, and unlabeled ones and the sources' where it needs them."""
    kind = METHODS.get(method["kind"])
    others = ((task.unlabeled, "unlabeled" in kind.needs), (task.source, kind.reads_source()))
    views = method_from(method).views_of(task.labeled, task.native_pixels)
    return [task.labeled, *([views] if views else []), *(rows for rows, read in others if rows and read)]


def needs_unlabeled(method: dict[str, Any]) -> bool:
    """Whether a method of that kind reads the unlabeled rows."""
    return "unlabeled" in METHODS.get(method["kind"]).needs


def seconds_of_features(backbone: Backbone, task: Task, method: dict[str, Any] | None = None) -> float:
    """Predicted seconds for the features that are not in the store yet, of the rows that a method reads, or of the labeled."""
    read = rows_read(method, task) if method else [task.labeled]
    return seconds_an_image(backbone) * sum(num_missing(rows, backbone) for rows in read)


def seconds_of_head(method: dict[str, Any], num_rows: int, backbone: Backbone) -> float:
    """Predicted seconds to fit a closed form to features of a backbone, which exist, of so many rows and of views of them."""
    passes = HEAD_PASSES * METHODS.get(method["kind"]).num_solutions
    num_fitted = num_rows * (1 + method_from(method).num_views)
    width = backbone.feature_width if method.get("blocks") == "penultimate" else HEAD_WIDTH
    return slowness() * passes * num_fitted * width * min(num_fitted, width) / FULL_RATE


def seconds_of_fit(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps) -> float:
    """Predicted seconds for one fit on all of the task's training rows; a restart reads them."""

    def make(_: Path) -> Cost:
        check_memory(candidate, task, len(task.train), backbone)
        stop_if_asked("interrupted")  # pricing takes a second: too long for who waits, and worth it where the time is over
        return Cost(seconds=method_from(candidate.method).predicted_seconds(task, backbone, candidate.training))

    inputs = {"task": task.fingerprint, "candidate": candidate.to_dict(), "backbone": backbone.weights_hash}
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_cross_validation(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps, num_more: int = 0) -> float:
    """Predicted seconds for one fit a fold and `num_more` further ones, of it and its partners.

    Folds that were fitted before take none. Of closed forms, those for features count as well.
    """
    own, *partners = candidate.members
    networks = [load_backbone(one.pretrained, one.weights, one.input_pixels, task.seed) for one in partners]
    pairs = zip((own, *partners), (backbone, *networks), strict=True)
    return sum(_seconds_of_member(member, task, network, steps, num_more) for member, network in pairs)


def _seconds_of_member(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps, num_more: int) -> float:
    num_fits = len(task.folds) - num_finished(task, candidate, backbone, steps) + num_more
    if is_gradient(candidate.method):
        return num_fits * seconds_of_fit(candidate, task.restricted_to(task.folds[0].fit), backbone, steps) if num_fits else 0.0
    heads = 0.0 if task.train.images.embedded else num_fits * seconds_of_head(candidate.method, len(task.folds[0].fit), backbone)
    return seconds_of_features(backbone, task, candidate.method) + heads
