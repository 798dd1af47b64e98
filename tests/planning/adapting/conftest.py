"""Gaussian classes as feature vectors: a source, and targets that differ from it in one way each; fits are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.adapting.adaptation import Adaptation
from headstart.training.settings import Training

CLASSES = ("ant", "bee", "cat", "dog", "eel")
WIDTH = 16
NUM_SOURCE, NUM_TARGET = 163, 131
EVEN = (0.2,) * 5
METHODS = ("domain_mean", "coral", "linear_monge", "bbse", "mlls")


MakeTask = Callable[..., tuple[Task, np.ndarray]]
Adapt = Callable[..., Adaptation]


@pytest.fixture(scope="session")
def identity() -> Backbone:
    return load_backbone("embeddings", "pretrained", 1, 0)


def image_set(rows: np.ndarray, labels: np.ndarray, domain: str) -> ImageSet:
    images = Embeddings(rows.astype(np.float32), domain, np.arange(len(rows)))
    return ImageSet(images, CLASSES, labels.astype(np.int64), np.arange(len(rows)), domains=(domain,) * len(rows))


@pytest.fixture(scope="session")
def make_task() -> MakeTask:
    def make(seed: int, shares=EVEN, move=lambda rows: rows, spread: float = 1.0, poisoned=False, num_labeled: int = 0):
        random = np.random.default_rng(seed)
        centers = random.normal(size=(5, WIDTH)) * 1.5
        here, there = random.choice(5, NUM_SOURCE, p=EVEN), random.choice(5, NUM_TARGET, p=shares)
        source = centers[here] + random.normal(size=(NUM_SOURCE, WIDTH)) * spread
        target = move(centers[there] + random.normal(size=(NUM_TARGET, WIDTH)) * spread)
        task = Task(
            "places",
            CLASSES,
            image_set(target[:num_labeled], there[:num_labeled], "target"),
            unlabeled=image_set(target[num_labeled:], np.full(NUM_TARGET - num_labeled, UNLABELED), "target"),
            source=image_set(source, random.permutation(here) if poisoned else here, "source"),
            seed=seed,
        )
        return task, there

    return make


@pytest.fixture(scope="session")
def steps(tmp_path_factory) -> Steps:
    """Keeps every candidate that a test fits, for the other tests of the same task."""
    return Steps(tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="session")
def adapt(identity, steps) -> Adapt:
    """The adaptation to a task, by a few methods."""
    return lambda task, methods=METHODS: adaptation_to(task, identity, methods=methods, steps=steps)


@pytest.fixture(scope="session")
def predicted(identity) -> Callable[[Task, tuple[str, ...]], np.ndarray]:
    """The target's classes as a run's model predicts them: methods fitted to the task, as partners."""

    def of(task: Task, chosen: tuple[str, ...]) -> np.ndarray:
        models: list[Model] = [method_from({"kind": kind}).fit(task, identity, Training(seed=task.seed)) for kind in chosen]
        return replace(models[0], partners=tuple(models[1:])).predict(task.pool).predicted

    return of
