"""Costs, measured before they are spent."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from headstart.backbones.backbone import Backbone
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.task import Task
from headstart.features.extract import num_unseen
from headstart.methods import method_from
from headstart.methods.base import cost_of
from headstart.planning.candidate import Candidate

PROBE_BATCH = 32
DECODE_ALLOWANCE = 1.15
"""Reading and resizing overlaps with the network only in part."""


class Cost(Record):
    """Seconds for one image, or for one fit."""

    seconds: float


def seconds_per_image(backbone: Backbone, task: Task, steps: Steps) -> float:
    """What one image costs to extract, measured on a batch after a warm-up; a restart reads the first measurement."""

    def make(_: Path) -> Cost:
        side = backbone.transform.pixels
        images = torch.zeros(PROBE_BATCH, backbone.transform.channels, side, side, dtype=torch.uint8)
        images = images.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            backbone.eval().describe(images)
            begun = time.perf_counter()
            backbone.describe(images)
        return Cost(seconds=DECODE_ALLOWANCE * (time.perf_counter() - begun) / PROBE_BATCH)

    if task.train.images.embedded:
        return 0.0
    inputs = {"backbone": backbone.weights_hash, "transform": backbone.transform.to_dict()}
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_features(backbone: Backbone, task: Task, steps: Steps) -> float:
    """What the features of all labeled rows cost: those seen before are free. A restart reads the first price."""

    def make(_: Path) -> Cost:
        return Cost(seconds=seconds_per_image(backbone, task, steps) * num_unseen(task.labeled, backbone))

    inputs = {"task": task.fingerprint, "backbone": backbone.weights_hash, "transform": backbone.transform.to_dict()}
    return steps.run("cost", inputs, Cost, make).seconds


def seconds_of_fit(candidate: Candidate, task: Task, backbone: Backbone, steps: Steps) -> float:
    """What one fit on all of the task's training rows costs, measured on a few real steps."""

    def make(_: Path) -> Cost:
        return Cost(seconds=cost_of(method_from(candidate.method), task, backbone, candidate.training))

    inputs = {"task": task.fingerprint, "candidate": candidate.to_dict(), "backbone": backbone.weights_hash}
    return steps.run("cost", inputs, Cost, make).seconds
