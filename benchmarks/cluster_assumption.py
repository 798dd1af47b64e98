"""Learning from unlabeled images on frozen features: each method against ridge, in accuracy, harm and seconds.

Training rows whose label is removed are the unlabeled images. Harm is the share of seeds in which a method is more than one
point below ridge. With one label per class nothing can be held out: "guarded" is then self_training if the cluster-assumption
test supports it, and ridge otherwise. In the last tables the unlabeled images are those of another set: "rejected" counts
rejections by the cluster-assumption test, "other kind" those by the two-sample test, and "found on thumbnails" those by the
check `pool_differs`, which uses no network.

Expected: "guarded" at least 15 points above ridge on digits with one label per class; self_training at least 5 points with
five; images of other sets rejected in at least 95 % of the seeds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.protocol import arguments, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.checks.pool_differs import pool_differs
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.features.extract import features_of
from headstart.heads.unlabeled_pool import unlabeled_pool
from headstart.methods import method_from
from headstart.methods.base import check_needs
from headstart.shift.tests.cluster_assumption import cluster_assumption_test
from headstart.training.settings import Training

NAME = "efficientnet_lite0"
KINDS = ("ridge", "label_propagation", "label_spreading", "label_mean", "self_training", "tim", "laplacian_shot")
CELLS = {
    "digits": (1, 5, 20),
    "mnist": (1, 5),
    "emoji": (1, 5, 20),
    "elpv": (1, 5, 20, 50),
}
WRONG = (
    ("digits", "emoji", 1),
    ("digits", "fashion-mnist", 1),
    ("digits", "mnist", 1),
    ("elpv", "digits", 1),
    ("elpv", "digits", 20),
    ("emoji", "elpv", 1),
    ("emoji", "digits", 5),
)
"""Labeled set, set that the unlabeled images come from, labels a class."""
WRONG_SEEDS = 20
MOST_WRONG = 1_000
HARM = 0.01


def backbone_for(task: Task) -> Backbone:
    """The network at the side that suits the task."""
    return load_backbone(NAME, input_pixels=input_pixels_for(card_of(NAME), task))


def measured(place: str, per_class: int, seed: int) -> dict[str, object]:
    """Balanced accuracy on the test set and seconds of each method, features being there, and what the pool supports."""
    task = read_task(place, seed, per_class, pool=True)
    if task.test is None or task.unlabeled is None:
        raise SystemExit(f"{place}: {per_class} labels a class leave no pool or no test set.")
    backbone, training = backbone_for(task), Training(seed=seed)
    features_of(task.pool, backbone)
    row: dict[str, object] = {"seed": seed, "labels": len(task.train), "unlabeled": len(task.unlabeled)}
    seconds: dict[str, float] = {}
    for kind in KINDS:
        method = method_from({"kind": kind})
        check_needs(method, task, backbone)
        begun = time.perf_counter()
        model = method.fit(task, backbone, training)
        seconds[kind] = time.perf_counter() - begun
        row[kind] = evaluate(model, task.test)[0].metrics["balanced_accuracy"].value
    begun = time.perf_counter()
    support = cluster_assumption_test(unlabeled_pool(task, backbone, "stages+pixels", seed))
    row |= {"supported": support.supported, "p": support.p_value, "seconds of support": time.perf_counter() - begun}
    if per_class == 1:
        row["guarded"] = row["self_training" if support.supported else "ridge"]
    return row | {f"seconds of {kind}": value for kind, value in seconds.items()}


def harm(rows: Sequence[dict[str, object]], kind: str) -> float:
    """The share of seeds in which a method is more than a point below ridge."""
    return float(np.mean([float(str(row[kind])) < float(str(row["ridge"])) - HARM for row in rows]))


def with_wrong_pool(place: str, other: Task, per_class: int, seed: int) -> dict[str, object]:
    """What is said of unlabeled images that are those of another set."""
    task = read_task(place, seed, per_class)
    foreign = replace(other.pool, classes=task.classes)
    rows = np.sort(np.random.default_rng(seed).permutation(len(foreign))[:MOST_WRONG])
    task = replace(task, unlabeled=foreign.take(rows))
    support = cluster_assumption_test(unlabeled_pool(task, backbone_for(task), "stages+pixels", seed))
    finding = pool_differs(task)
    return {
        "seed": seed,
        "rejected": float(not support.supported),
        "other kind": float(support.neighbor_test.differs),
        "share": support.neighbor_test.share,
        "expected": support.neighbor_test.expected,
        "found on thumbnails": float(finding is not None),
    }


def main() -> None:
    """Print a table for each set and number of labels, then one for each wrong pool."""
    options = arguments(__doc__ or "", seeds=8, sets=tuple(CELLS), wrong=1)
    for place in options.sets:
        for per_class in CELLS[place]:
            rows = [measured(place, per_class, seed) for seed in range(options.seeds)]
            columns = [*KINDS, *(["guarded"] if per_class == 1 else [])]
            show(f"{place}, {per_class} labels a class: balanced accuracy", rows, columns)
            harms = ", ".join(f"{kind} {harm(rows, kind):.2f}" for kind in columns[1:])
            sys.stdout.write(f"harm, {place}, {per_class} labels a class: {harms}\n")
    for place, other, per_class in WRONG if options.wrong else ():
        whole = read_task(other, 0)
        rows = [with_wrong_pool(place, whole, per_class, seed) for seed in range(WRONG_SEEDS)]
        title = f"{place} with images of {other}, {per_class} labels a class"
        show(title, rows, ["rejected", "other kind", "found on thumbnails"])


if __name__ == "__main__":
    main()
