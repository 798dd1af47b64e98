"""The method `residual` with several shrinkages: accuracy, balanced accuracy and log loss on test rows.

The network is trained once per cell and view. The scores that it adds to those of ridge are then multiplied by each shrinkage.
Cells are those of `benchmarks.methods`: "set:labels a class".
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy.special import log_softmax

from benchmarks.methods import BACKBONE, task_of
from benchmarks.protocol import arguments
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.features.extract import features_of
from headstart.methods.finetune.residual import Residual
from headstart.training.settings import Training

CELLS = ("digits:20", "emoji:20", "elpv:50", "fashion-mnist:20")
VIEWS = ("weak", "plain")
SHRINKAGES = (0.0, 0.2, 0.5, 1.0)


def measured(cell: str, seed: int, view: str) -> tuple[list[tuple[float, float, float]], float]:
    """Accuracy, balanced accuracy and log loss at each shrinkage, and the seconds of the fit."""
    name, per_class = cell.split(":")
    task = task_of((name, int(per_class), seed))
    if task is None or task.test is None:
        raise SystemExit(f"{cell} has too few images of a class.")
    backbone = load_backbone(BACKBONE, input_pixels=input_pixels_for(card_of(BACKBONE), task))
    begun = time.perf_counter()
    model = Residual(shrinkage=1.0, view=view).fit(task, backbone, Training(seed=seed))
    seconds = time.perf_counter() - begun
    test = task.test.opened_for_evaluation()
    known = model.base.scores(test) / model.base.temperature if model.base else np.zeros(1)
    added = model.head.scores(features_of(test, model.backbone))
    return [judged(known + size * added, test.labels) for size in SHRINKAGES], seconds


def judged(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Accuracy, balanced accuracy and log loss."""
    right = scores.argmax(axis=1) == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    return (
        float(right.mean()),
        float(np.mean(recalls)),
        -float(log_softmax(scores, axis=1)[np.arange(len(labels)), labels].mean()),
    )


def rows(cells: tuple[str, ...], seeds: int) -> Iterator[str]:
    """A line of the table a cell and view: means over the seeds."""
    for cell in cells:
        for view in VIEWS:
            found = [measured(cell, seed, view) for seed in range(seeds)]
            means = np.mean([values for values, _ in found], axis=0)
            parts = [f"{100 * accuracy:.1f} / {100 * balanced:.1f} / {loss:.3f}" for accuracy, balanced, loss in means]
            yield f"| {cell} | {view} | {' | '.join(parts)} | {np.mean([seconds for _, seconds in found]):.0f} |"


def main() -> None:
    """Print the table."""
    given = arguments(__doc__ or "", seeds=2, sets=CELLS)
    print(f"| cell | view | {' | '.join(f'{size:g}' for size in SHRINKAGES)} | seconds |")
    print("|---|---|" + "---|" * (len(SHRINKAGES) + 1))
    for row in rows(tuple(given.sets), given.seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
