"""Learning from unlabeled images on frozen features: each method, and the choice by the tests, against ridge.

Training rows whose label is removed are the unlabeled images. For the last set the unlabeled images are those of another data
set, which the tests must reject. Harm is the share of seeds in which a choice is more than one point below ridge.

Expected of the choice: on digits at least 15 points over ridge with one label a class and 5 with five; on solar cells with 20
never a point below it on average; with the wrong unlabeled images, ridge in at least 95 % of the seeds.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.protocol import arguments, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.planning.deciding.closed_forms import closed_forms, trusts_unlabeled
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.schedule import default_candidate
from headstart.planning.deciding.selection import best_closed
from headstart.planning.deciding.trials import Trials
from headstart.planning.ranking.rank import rank
from headstart.training.settings import Training

NAME = "efficientnet_lite0"
KINDS = ("ridge", "label_mean", "self_training")
CELLS = (
    ("digits", 1),
    ("digits", 5),
    ("digits", 20),
    ("emoji", 1),
    ("emoji", 5),
    ("emoji", 20),
    ("elpv", 5),
    ("elpv", 20),
    ("elpv", 50),
)
"""Set, labels a class."""
WRONG = (("digits", "emoji", 5), ("elpv", "digits", 5), ("emoji", "elpv", 1))
"""Labeled set, set that the unlabeled images come from, labels a class."""
MOST_POOL = 1_000
BUDGET_SECONDS = 600.0
"""Enough for all heads on frozen features."""
HARM = 0.01


def guarded(task: Task) -> str:
    """The head on frozen features that the system chooses."""
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(Path(folder) / "steps")
        ranking = rank(task, [card_of(NAME)], steps=steps)
        trials = Trials(task, steps, BUDGET_SECONDS)
        if not task.folds:
            return str(default_candidate(trials, ranking, Options()).candidate.method["kind"])
        closed_forms(trials, ranking, Options())
        best = best_closed(trials.validated, trusts_unlabeled(trials))
    return str(best.candidate.method["kind"]) if best else "ridge"


def task_of(name: str, per_class: int, seed: int, foreign: str | None = None) -> Task:
    """The set with few labels and at most 1,000 unlabeled images, of its own or of another set."""
    task = read_task(name, seed, per_class, pool=True)
    others = read_task(foreign, seed, 1, pool=True).unlabeled if foreign else task.unlabeled
    if others is None:
        raise ValueError(f"{foreign or name} has no images left without label.")
    pool = others.take(np.random.default_rng(seed).permutation(len(others))[:MOST_POOL])
    return replace(task, unlabeled=ImageSet(pool.images, task.classes, pool.hidden_labels, pool.groups + 1_000_000))


def measured(task: Task, kinds: tuple[str, ...]) -> dict[str, object]:
    """Balanced accuracy on the test set of each method and of the guard's choice, and the seconds of the guard."""
    backbone = load_backbone(NAME, input_pixels=input_pixels_for(card_of(NAME), task))
    test = task.test
    if test is None:
        raise ValueError(f"{task.name} has no test images.")
    begun = time.perf_counter()
    chosen = guarded(task)
    row: dict[str, object] = {"seed": task.seed, "chosen": chosen, "guard_seconds": time.perf_counter() - begun}
    for kind in dict.fromkeys((*kinds, chosen)):
        model = method_from({"kind": kind}).fit(task, backbone, Training(seed=task.seed))
        row[kind] = evaluate(model, test)[0].metrics["balanced_accuracy"].value
    row = {**row, "guarded": row[chosen], "gain": float(str(row[chosen])) - float(str(row["ridge"]))}
    return {**row, "harmed": float(float(str(row["gain"])) < -HARM)}


def main() -> None:
    """Print one row a seed for every set and number of labels, and the means."""
    given = arguments(__doc__ or "", seeds=5, foreign_seeds=20)
    for name, per_class in CELLS:
        rows = [measured(task_of(name, per_class, seed), KINDS) for seed in range(given.seeds)]
        columns = [*KINDS, "guarded", "gain", "harmed", "guard_seconds"]
        show(f"{name}, {per_class} labels a class", [{c: row[c] for c in ("seed", "chosen", *columns)} for row in rows], columns)
    for name, foreign, per_class in WRONG:
        rows = [
            {
                "seed": seed,
                "chosen": (chosen := guarded(task_of(name, per_class, seed, foreign))),
                "supervised": float(chosen not in KINDS[1:]),
            }
            for seed in range(given.foreign_seeds)
        ]
        show(f"{name}, {per_class} labels a class, unlabeled images of {foreign}", rows, ["supervised"])


if __name__ == "__main__":
    main()
