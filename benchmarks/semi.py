"""Learning from unlabeled images on frozen features: each method, and what the guard chooses, against ridge.

The training rows that do not keep their label are the unlabeled images; the last set takes those of another data set instead,
which the guard must refuse. Harm is the share of seeds in which a choice is more than a point below ridge.

Expected through the guard: on digits at least 15 points over ridge with one label a class and 5 with five; on solar cells with 20
never a point below it on average; with the wrong unlabeled images, ridge in at least 95 % of the seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from headstart.planning.guard import guarded_method

from headstart.backbones.loading import card_of, load_backbone
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.planning.inputs import input_pixels_for
from headstart.training.settings import Training

NAME = "efficientnet_lite0"
KINDS = ("ridge", "label_propagation", "label_spreading", "label_mean", "self_training", "tim", "laplacian_shot")
CELLS = {
    "digits": (1, 5, 20),
    "emoji": (1, 5, 20),
    "elpv": (5, 20, 50),
}
WRONG = (("digits", "emoji", 5), ("elpv", "digits", 5), ("emoji", "elpv", 1))
"""Labeled set, set that the unlabeled images come from, labels a class."""
HARM = 0.01


def measured(task: Task, kinds: Sequence[str]) -> dict[str, object]:
    """Balanced accuracy on the test set of each method and of the guard's choice, and the seconds of all."""
    backbone = load_backbone(NAME, input_pixels=input_pixels_for(card_of(NAME), task))
    training = Training(seed=task.seed)
    begun = time.perf_counter()
    chosen = guarded_method(task, backbone)
    row: dict[str, object] = {
        "seed": task.seed,
        "labels": len(task.train),
        "chosen": chosen,
        "guard seconds": time.perf_counter() - begun,
    }
    for kind in {*kinds, chosen}:
        model = method_from({"kind": kind}).fit(task, backbone, training)
        row[kind] = evaluate(model, task.test)[0].metrics["balanced_accuracy"].value
    return {**row, "guarded": row[chosen]}
