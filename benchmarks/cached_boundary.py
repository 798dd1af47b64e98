"""Fine-tuning behind a cached boundary against full LP-FT.

Expected: a fifth of the time to the same validation loss, and accuracy within one point. One seed of a small draw of the
embedded set takes some minutes: `--seeds 1 --sets emoji --per-class 20`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.protocol import arguments, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.backbones.catalog import card_of
from headstart.backbones.engines.base import Engine, Outputs
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Program
from headstart.core.types import Bytes
from headstart.data.augmentation.views import View
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.features.extract import features_of
from headstart.heads.temperature import fit_temperature, row_losses
from headstart.methods.finetune.lp_ft import LpFt
from headstart.methods.model import Model
from headstart.training import activations
from headstart.training.learner import Classifier
from headstart.training.loop import fit_for
from headstart.training.settings import Training

NUM_STEPS = 20


class Uncached(Classifier):
    """Trains the same weights, and computes the frozen ones anew in every step."""

    def freeze_up_to(self, stage: str) -> Boundary:
        """Freeze by leaving gradients out."""
        boundary = Boundary(self.backbone, stage)
        for weight in self.parameters():
            weight.requires_grad_(id(weight) not in boundary.weights_before())
        return boundary


@dataclass(frozen=True)
class Fitted:
    """A model, what it took and how it does on validation rows: log loss as it is, and once calibrated on them."""

    model: Model
    seconds: float
    loss: float
    calibrated: float


def fitted(method: LpFt, task: Task, held: ImageSet, backbone: Backbone, training: Training) -> Fitted:
    """The method fitted and timed."""
    begun = time.perf_counter()
    model = method.fit(task, backbone, training)
    seconds = time.perf_counter() - begun
    scores = np.log(np.maximum(model.predict(held).raw_probs, 1e-12))
    temperature = fit_temperature(scores, held.labels)
    losses = [float(row_losses(scores, held.labels, value).mean()) for value in (1.0, temperature)]
    return Fitted(model, seconds, losses[0], losses[1])


class AsItIs(Engine):
    """The prefix in the arithmetic of the uncached network: engines fold normalizations, which rounds differently."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.batch_rows = 32

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        """See `Engine.run`."""
        for batch in batches:
            with torch.no_grad():
                yield tuple(output.numpy() for output in self.program(torch.from_numpy(batch)))


@contextmanager
def exact_activations() -> Iterator[None]:
    """Activations computed as they are and kept in float32 meanwhile."""
    usual = activations.PRECISION, activations.engine_of
    activations.PRECISION, activations.engine_of = np.float32, lambda program, pictures: AsItIs(program)
    try:
        yield
    finally:
        activations.PRECISION, activations.engine_of = usual


def loss_curve(kind: type[Classifier], task: Task, backbone: Backbone, training: Training) -> np.ndarray:
    """The loss before each of the first steps, without augmentation."""
    method = LpFt(view="plain")
    built = method._built(task, backbone, training)
    learner = kind(built.backbone, task.num_classes, True, method.body_scale, method.stage_decay)
    learner.head.load_state_dict(built.head.state_dict())
    learner.freeze_up_to(method.stages(backbone)[0])
    with exact_activations():
        fit = fit_for(learner, {"train": Stream(task.train, View())}, method.losses, training)
        trained = fit.attempt_state(0)
        learner.train()
        return np.array([fit.step(trained, step)["cross_entropy"] for step in range(NUM_STEPS)])


def compared(name: str, seed: int, given: argparse.Namespace) -> dict[str, object]:
    """One set and seed."""
    task = read_task(name, seed, given.per_class or None)
    backbone = load_backbone(given.pretrained, input_pixels=input_pixels_for(card_of(given.pretrained), task))
    fold = task.folds[0]
    part, held = task.restricted_to(fold.fit), task.labeled.take(fold.held_out)
    features_of(part.train, backbone)
    training = Training(epochs=given.epochs, seed=seed)
    full = fitted(LpFt(depth="all"), part, held, backbone, training)
    shorter = sorted({max(1, given.epochs // parts) for parts in (6, 3, 2, 1)})
    cached = [fitted(LpFt(depth=given.depth), part, held, backbone, training.model_copy(update={"epochs": n})) for n in shorter]
    reached = next((one.seconds for one in cached if one.loss <= full.loss), float("nan"))
    accuracy = [evaluate(one.model, task.test)[0].metrics["accuracy"].value for one in (full, cached[-1])] if task.test else []
    alike = training.model_copy(update={"precision": "float32"})
    exact = [loss_curve(kind, part, backbone, alike) for kind in (Classifier, Uncached)]
    return {
        "set": name,
        "seed": seed,
        "rows": len(part.train),
        "full seconds": full.seconds,
        "cached seconds": cached[-1].seconds,
        "ratio": cached[-1].seconds / full.seconds,
        "reached in": reached,
        "ratio to reach": reached / full.seconds,
        "full loss": full.loss,
        "cached loss": cached[-1].loss,
        "full calibrated": full.calibrated,
        "cached calibrated": cached[-1].calibrated,
        "full accuracy": accuracy[0] if accuracy else float("nan"),
        "cached accuracy": accuracy[1] if accuracy else float("nan"),
        "loss curve differs by": float(np.abs(exact[0] / exact[1] - 1).max()),
    }


def main() -> None:
    """Print the comparison."""
    more = {"sets": ("emoji", "elpv"), "per_class": 0, "epochs": 12, "depth": "middle", "pretrained": "efficientnet_lite0"}
    given = arguments(__doc__ or "", 3, **more)
    columns = ("ratio", "ratio to reach", "full loss", "cached loss", "full accuracy", "cached accuracy")
    for name in given.sets:
        rows = [compared(name, seed, given) for seed in range(given.seeds)]
        show(f"{name}: fine-tuning behind a cached boundary against full LP-FT, {torch.get_num_threads()} threads", rows, columns)


if __name__ == "__main__":
    main()
