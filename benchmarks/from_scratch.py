"""Training from scratch: the recipe of `run` against that of 2026-11-27, in accuracy and processor seconds of one fit.

Also what the mean of each recipe's probabilities with those of ridge on EfficientNet-Lite0 features gains over ridge alone, and
what bf16 changes. Expected: the new recipe is at least as accurate on every set in less than half of the time.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.protocol import arguments, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.spacing import every_nth
from headstart.core.types import Floats
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.planning.deciding.trained import scratch_network
from headstart.training.budget import scratch_training
from headstart.training.settings import Training

CELLS = ("digits:10", "digits:100", "mnist:50", "fashion-mnist:100", "elpv:50", "emoji:20")
"""Set and labels of a class."""
RECIPES = ("old", "old in bf16", "new")
MOST_TEST_ROWS = 4_000


def recipe_of_2026_11_27(num_rows: int, side: int, precision: Any) -> Training:
    """600 steps of 64 rows, 900 from a side of 32 on."""
    epochs = -(-(600 if side < 32 else 900) * 64 // num_rows)
    return Training(epochs=epochs, batch_size=64, lr=2e-3, weight_decay=0.05, ema=0.99, precision=precision)


def fitted(recipe: str, task: Task, test_rows: Any) -> tuple[Floats, float]:
    """Probabilities of the test rows, and processor seconds of the fit."""
    card = card_of(scratch_network(task) if recipe == "new" else "small_cnn")
    side, num_rows = input_pixels_for(card, task), len(task.train)
    backbone = load_backbone(card.name, "none", side)
    if recipe == "new":
        training = scratch_training(num_rows, side)
    else:
        training = recipe_of_2026_11_27(num_rows, side, "auto" if "bf16" in recipe else "float32")
    begun = time.process_time()
    model = method_from({"kind": "fine_tune"}).fit(task, backbone, training)
    seconds = time.process_time() - begun
    return model.predict(test_rows).probs, seconds


def compared(cell: str, seed: int, recipes: tuple[str, ...]) -> dict[str, object]:
    """One row of the table: accuracy in per cent, seconds of the fits, and accuracy of the means with ridge."""
    name, per_class = cell.split(":")
    task = read_task(name, seed, int(per_class))
    if task.test is None:
        raise ValueError(f"{cell} has no test rows")
    opened = task.test.opened_for_evaluation()
    test = opened.take(every_nth(np.arange(len(opened)), MOST_TEST_ROWS))
    card = card_of("efficientnet_lite0")
    backbone = load_backbone(card.name, input_pixels=input_pixels_for(card, task))
    ridge = method_from({"kind": "ridge"}).fit(task, backbone, Training()).predict(test).probs

    def accuracy(probs: Floats) -> float:
        return 100 * float((probs.argmax(1) == test.labels).mean())

    row: dict[str, object] = {"cell": cell, "seed": seed, "ridge": accuracy(ridge)}
    for recipe in recipes:
        probs, seconds = fitted(recipe, task, test)
        mean = np.exp((np.log(probs + 1e-9) + np.log(ridge + 1e-9)) / 2)
        row |= {recipe: accuracy(probs), f"{recipe}, seconds": seconds, f"{recipe} + ridge": accuracy(mean)}
    return row


def main() -> None:
    """Print one row a cell and seed, and the means."""
    given = arguments(__doc__ or "", 2, cells=CELLS, recipes=RECIPES)
    rows = [compared(cell, seed, tuple(given.recipes)) for cell in given.cells for seed in range(given.seeds)]
    columns = [column for column in rows[0] if column not in ("cell", "seed")]
    show("Training from scratch, accuracy on test rows in per cent, processor seconds of a fit", rows, columns)


if __name__ == "__main__":
    main()
