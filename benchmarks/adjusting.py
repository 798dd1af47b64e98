"""headstart adjust on six plans with a deliberate fault: what it found and changed, and the effect on test accuracy.

Each plan has one fault: a step size 100 times too high, a frozen network with a head on the last features alone, two epochs,
the wrong input range, batches of 2 with batch statistics, a rare class without class weights. The rare class is measured by
balanced accuracy, the others by accuracy; "nan" is a training that broke down. No rule uses the test set.

Expected: the rule for each fault repairs it, on every data set.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.protocol import arguments, show
from headstart.core.errors import TrainingError
from headstart.data.reading import read_task
from headstart.planning.plan import Plan
from headstart.runs.run import Run
from headstart.training.settings import Training
from headstart.workflows.adjust import adjust
from headstart.workflows.fit import fit_and_evaluate as fit

NAME = "efficientnet_lite0"
PIXELS = 32
LARGEST = 96
TRAIN, TEST = 160, 400
"""Pictures of all classes together; three times the former where a class is to be rare."""
RARE = {"digits": ("8", 8), "fashion-mnist": ("coat", 8), "elpv": ("defective", 24)}
"""The rare class of a set, and its labels."""

LIVE = {"kind": "fine_tune", "view": "plain"}
SCRATCH = {"kind": "fine_tune"}
FAULTS: dict[str, tuple[str, dict[str, object]]] = {
    "rate x 100": ("rate_too_high", {"method": {"kind": "lp_ft"}, "training": Training(lr=0.1)}),
    "all frozen": ("frozen_too_much", {"method": {"kind": "ridge", "blocks": "penultimate"}}),
    "2 epochs": ("too_few_epochs", {"method": LIVE, "training": Training(epochs=2)}),
    "0 to 255": ("wrong_input_range", {"method": {"kind": "lp_ft"}, "mean": (0.0, 0.0, 0.0), "std": (1 / 255,) * 3}),
    "batch of 2": ("batch_norm_mismatch", {"method": LIVE, "training": Training(epochs=5, batch_size=2)}),
    "rare class": ("bad_class", {"pretrained": "small_cnn", "weights": "none", "method": SCRATCH, "training": Training(lr=2e-3)}),
}
"""The rule that should see it, and the fields of the plan that make it."""


def written(place: str, seed: int, rare: bool, folder: Path) -> Path:
    """A folder with so many pictures a class for training and for the test; a rare class has few of the former."""
    shutil.rmtree(folder, ignore_errors=True)
    num_classes = len(read_task(place, seed, 2).classes)
    num_train, num_test = TRAIN * (3 if rare else 1) // num_classes, TEST // num_classes
    task = read_task(place, seed, num_train + num_test)
    generator = np.random.default_rng(seed)
    name_of_rare, num_rare = RARE[place]
    for label, name in enumerate(task.classes):
        rows = generator.permutation(np.flatnonzero(task.train.labels == label))
        num = num_rare if rare and name == name_of_rare else num_train
        for split, some in {"train": rows[:num], "test": rows[num_train : num_train + num_test]}.items():
            (folder / split / name).mkdir(parents=True)
            squares = task.train.images.squares(some, min(task.native_pixels, LARGEST))
            for row, pixels in zip(some, squares, strict=True):
                Image.fromarray(pixels).save(folder / split / name / f"{row}.png")
    return folder


def repaired(place: str, fault: str, seed: int, minutes: float | None, out: Path) -> dict[str, object]:
    """One broken plan before and after."""
    rule, fields = FAULTS[fault]
    folder = out / f"{place}-{fault.replace(' ', '-')}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    task = read_task(written(place, seed, fault == "rare class", folder / "data"), seed)
    own = {"pretrained": NAME, "input_pixels": PIXELS, **fields}
    if own["pretrained"] != NAME:
        own["input_pixels"] = task.native_pixels
    with suppress(TrainingError):
        fit(task, Plan(data=task.place, seed=seed, **own), folder / "run")
    begun = time.perf_counter()
    try:
        better, adjustment = adjust(folder / "run", minutes=minutes, out=folder / "adjusted")
    except TrainingError as error:
        return {"data": place, "fault": fault, "seed": seed, "tried": str(error), "by its rule": False}
    metric = "balanced_accuracy" if fault == "rare class" else "accuracy"
    before, after = (_measured(Run(folder / name), metric) for name in ("run", better.folder.name))
    return {
        "data": place,
        "fault": fault,
        "seed": seed,
        "tried": " ".join(f"{trial.rule}:{trial.outcome}" for trial in adjustment.trials),
        "by its rule": any(trial.rule == rule for trial in adjustment.accepted),
        "metric": metric,
        "before": before,
        "after": after,
        "seconds": time.perf_counter() - begun,
    }


def _measured(run: Run, metric: str) -> float:
    """On the test set; nan where there is no model."""
    return run.evaluation.metrics[metric].value if run.evaluation else float("nan")


def main() -> None:
    """Print one row a broken plan."""
    options = arguments(__doc__ or "", seeds=1, data=("digits",), faults=tuple(FAULTS))
    rows = []
    for place in options.data:
        for fault in options.faults:
            for seed in range(options.seeds):
                rows.append(repaired(place, fault, seed, options.minutes, options.out / "adjusting"))
                show(f"{place}, {fault}", rows[-1:], [])
    show("headstart adjust on broken plans", rows, [])


if __name__ == "__main__":
    main()
