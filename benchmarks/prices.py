"""What fits take against what was predicted before them, each with nothing cached.

Predicted from operations, without a clock. Expected on an idle machine like that of the rates: ratios between 0.5 and 2, but for
fits of a second. "fine-tuned" and "from scratch" are what a run tries; others have `--epochs`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.protocol import arguments, empty_cache, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.planning.costs import seconds_of_features
from headstart.planning.deciding.trained import DEPTH, FINE_TUNING, scratch_network
from headstart.training.budget import fine_tuning_training, scratch_training
from headstart.training.settings import Training

CELLS = ("digits:20", "emoji:20", "elpv:50")
"""Set and labels of a class."""
FITS: dict[str, tuple[str, dict[str, str]]] = {
    "ridge": ("ridge", {}),
    "fine-tuned": (FINE_TUNING, {"depth": DEPTH}),
    "from scratch": ("fine_tune", {}),
    "lp_ft of everything": ("lp_ft", {"depth": "all"}),
    "residual": ("residual", {}),
}


def network(name: str, task: Task) -> Backbone:
    """What the fit starts from."""
    card = card_of(scratch_network(task) if name == "from scratch" else "efficientnet_lite0")
    weights = "none" if name == "from scratch" else "pretrained"
    return load_backbone(card.name, weights, input_pixels_for(card, task))


def training_of(name: str, task: Task, backbone: Backbone, epochs: int) -> Training:
    """What a run trains with; others have those epochs."""
    if name == "from scratch":
        return scratch_training(len(task.train), backbone.transform.pixels)
    return fine_tuning_training() if name == "fine-tuned" else Training(epochs=epochs)


def seconds_of(work: Callable[[], object]) -> float:
    """What one call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def priced(name: str, task: Task, epochs: int) -> dict[str, object]:
    """One fit on one set."""
    kind, settings = FITS[name]
    method, backbone = method_from({"kind": kind, **settings}), network(name, task)
    training = training_of(name, task, backbone, epochs)
    with empty_cache():
        begun = time.perf_counter()
        if method.cost == "closed form":
            predicted = seconds_of_features(backbone, task)
        else:
            predicted = method.predicted_seconds(task, backbone, training)
        probing = time.perf_counter() - begun
    with empty_cache():
        actual = seconds_of(lambda: method.fit(task, backbone, training))
    return {
        "rows": len(task.train),
        "fit": name,
        "predicted": predicted,
        "actual": actual,
        "ratio": predicted / actual,
        "probing": probing,
    }


def main() -> None:
    """Print a table a set."""
    given = arguments(__doc__ or "", 1, sets=CELLS, fits=tuple(FITS), epochs=12)
    for cell in given.sets:
        name, per_class = cell.split(":")
        for seed in range(given.seeds):
            task = read_task(name, seed, int(per_class))
            rows = [priced(fit, task, given.epochs) for fit in given.fits]
            show(f"{cell}, seed {seed}: predicted and actual seconds", rows, (), ("ratio",))


if __name__ == "__main__":
    main()
