"""A tiny task of colored squares, and backbones for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.methods.base import GradientMethod
from headstart.training.batches import Batch, Batches
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@pytest.fixture
def task() -> Task:
    """Twenty-nine pictures of side 32 in three unequal classes: a bright red, green or blue half on noise."""
    draw = np.random.default_rng(7)
    labels = np.array([0] * 12 + [1] * 10 + [2] * 7, np.int64)
    pixels = draw.integers(0, 100, (29, 32, 32, 3)).astype(np.uint8)
    for row, label in enumerate(labels):
        pixels[row, :, row % 13 :, label] += 110
    classes = ("red", "green", "blue")
    images = ImageSet(ArrayImages(pixels, "squares", np.arange(29)), classes, labels, np.arange(29))
    return Task("squares", classes, images, native_pixels=32)


@pytest.fixture
def classifying(pretrained: Backbone) -> Backbone:
    """The same network, whose own classifier of two source classes counts too, on features of about unit size."""
    with torch.no_grad():
        pretrained.module.get_submodule("classifier").weight.mul_(3.0)
    pretrained.weights_hash = pretrained._hash()
    pretrained.source_classes = True
    return pretrained


@pytest.fixture
def first_batch() -> Callable[[GradientMethod, Task, Classifier], dict[str, Batch]]:
    """Seven rows as a method would be fed them in its first step."""

    def make(method: GradientMethod, task: Task, learner: Classifier) -> dict[str, Batch]:
        training = Training(batch_size=7)
        return {
            name: Batches(name, stream, learner.transform(), training, None, learner.boundary).at(0, torch.device("cpu"))
            for name, stream in method.streams(task).items()
        }

    return make
