"""Tiny fits, run by one process or several; what came of each is written as JSON. Started by `test_processes.py`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.backbones.loading import load_backbone
from headstart.core.errors import HeadstartError
from headstart.core.launched import launched
from headstart.core.stopping import StoppedError, Stopper, stoppable
from headstart.data.augmentation.views import view_of
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.streams import Stream
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.pretrain.sim_clr import SimClr
from headstart.training import loop
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, perceptron
from headstart.training.joining import all_processes
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.mix_style import mixing_styles
from headstart.training.settings import Training
from headstart.training.stochastic_norm import make_stochastic

SETTINGS = Training(epochs=2, batch_size=7, lr=1e-3, seed=2, precision="float32", checkpoint_seconds=1e-9)
STEPS, STOPPED_AT = 9, 4
stopper = Stopper()


def pictures() -> ImageSet:
    """Thirty-one pictures of three kinds, as in conftest."""
    draw = np.random.default_rng(5)
    labels = np.array([0] * 13 + [1] * 11 + [2] * 7, np.int64)
    pixels = draw.integers(0, 90, (31, 8, 8, 1)).astype(np.uint8)
    pixels[labels == 0, :, :4] += 120
    pixels[labels == 1, :, 4:] += 120
    pixels[labels == 2, :4] += 120
    return ImageSet(ArrayImages(pixels, "kinds", np.arange(31)), ("left", "right", "above"), labels, np.arange(31))


def classifier(change: Callable[[nn.Module], None] = lambda module: None) -> Classifier:
    backbone = load_backbone("small_cnn", "none", 8, seed=1)
    torch.manual_seed(3)
    change(backbone.module)
    return Classifier(backbone, 3)


def cross_entropy(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}


def distances(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    features = learner.features(batch["train"].images)
    return {**cross_entropy(learner, batch, progress), "distances": torch.cdist(features, features).mean() / 50}


def styled(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    with mixing_styles(learner, 0.8, 0.3):
        return cross_entropy(learner, batch, progress)


def broken(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    found = cross_entropy(learner, batch, progress)
    learner.calls = getattr(learner, "calls", 0) + 1
    return {"cross_entropy": found["cross_entropy"] * (float("nan") if learner.calls == 4 else 1)}


def stopping(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    stopper.interrupted = progress >= STOPPED_AT / STEPS
    return cross_entropy(learner, batch, progress)


def losing(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    if os.environ.get("RANK") == "1" and progress > 0.2:
        os._exit(7)
    return cross_entropy(learner, batch, progress)


def leaving(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    if os.environ.get("RANK") == "0" and progress > 0.2:
        os.kill(os.getpid(), signal.SIGKILL)
    return cross_entropy(learner, batch, progress)


def differing(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    more = float(os.environ.get("RANK") == "1")
    return {name: loss + more for name, loss in cross_entropy(learner, batch, progress).items()}


def with_dropout(module: nn.Module) -> None:
    module.pool = nn.Sequential(module.pool, nn.Dropout(0.3))  # type: ignore[arg-type]


def fitted(out: Path, name: str, learner: Any, losses: Any, training: Training = SETTINGS, also: int = 0) -> dict[str, Any]:
    """The losses of every step, and some of the weights; or what was refused."""
    view = view_of("weak", 8)
    stream = Stream(pictures(), view, (view,) * also)
    try:
        with stoppable(stopper):
            train(learner, {"pool" if also else "train": stream}, losses, training, out / name)
    except StoppedError as stopped:
        return {"stopped": stopped.steps_done}
    except HeadstartError as error:
        return {"error": str(error)}
    finally:
        stopper.interrupted = False
    lines = [json.loads(line) for line in (out / name / "history.jsonl").read_text().splitlines()]
    state = {key: tensor.double().sum().item() for key, tensor in learner.state_dict().items() if "backbone" in key}
    return {"losses": [line["losses"] for line in lines], "state": state, "attempts": [line["attempt"] for line in lines]}


def program(out: Path, names: list[str]) -> None:
    """The fits of those names, in turn."""
    loop.CHECKPOINT_PAUSE = 0.0
    fits: dict[str, Callable[[str], dict[str, Any]]] = {
        "plain": lambda name: fitted(out, name, classifier(), cross_entropy),
        "distances": lambda name: fitted(out, name, classifier(), distances),
        "dropout": lambda name: fitted(out, name, classifier(with_dropout), cross_entropy),
        "stochastic": lambda name: fitted(out, name, classifier(lambda module: make_stochastic(module, 0.5)), cross_entropy),
        "styles": lambda name: fitted(out, name, classifier(), styled),
        "mixup": lambda name: fitted(out, name, classifier(), cross_entropy, SETTINGS.model_copy(update={"mix": "mixup"})),
        "sharp": lambda name: fitted(out, name, classifier(), cross_entropy, SETTINGS.model_copy(update={"sharpness": 0.05})),
        "sim_clr": lambda name: fitted(
            out, name, Embedder(load_backbone("small_cnn", "none", 8, seed=1), perceptron(128, 16, 8)), SimClr().losses, also=1
        ),
        "behind": lambda name: fitted(out, name, behind(), cross_entropy),
        "slices": lambda name: fitted(out, name, behind(), distances, SETTINGS.model_copy(update={"accumulate": 2})),
        "restarted": lambda name: fitted(out, name, classifier(), broken),
        "stopped": lambda name: fitted(out, name, classifier(), stopping),
        "resumed": lambda name: fitted(out, "stopped", classifier(), cross_entropy),
        "unsent": lambda name: fitted(
            out, name, classifier(), lambda learner, batch, progress: cross_entropy(learner, batch, 0.5)
        ),
        "differing": lambda name: fitted(out, name, classifier(), differing),
        "lost": lambda name: fitted(out, name, classifier(), losing),
        "left": lambda name: fitted(out, name, classifier(), leaving),
        "after": lambda name: fitted(out, name, classifier(), cross_entropy),
    }
    for name in names:
        (out / f"{name}.json").write_text(json.dumps(fits[name](name)))


def behind() -> Classifier:
    learner = classifier()
    learner.frozen_statistics = True
    learner.freeze_up_to("blocks.0")
    return learner


if __name__ == "__main__":
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    place = launched()
    if place is None:
        program(folder, wanted)
    else:
        with all_processes(place) as leads:
            if leads:
                program(folder, wanted)
