"""Tiny pictures of three kinds, a tiny network on them, and the pieces of a fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from headstart.backbones.boundary import Boundary
from headstart.backbones.loading import load_backbone
from headstart.data.augmentation.views import view_of
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.streams import Stream
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@pytest.fixture
def pictures() -> ImageSet:
    """Thirty-one gray pictures of side 8, bright at the left, at the right or above, the classes unequal."""
    draw = np.random.default_rng(5)
    labels = np.array([0] * 13 + [1] * 11 + [2] * 7, np.int64)
    pixels = draw.integers(0, 90, (31, 8, 8, 1)).astype(np.uint8)
    pixels[labels == 0, :, :4] += 120
    pixels[labels == 1, :, 4:] += 120
    pixels[labels == 2, :4] += 120
    return ImageSet(ArrayImages(pixels, "kinds", np.arange(31)), ("left", "right", "above"), labels, np.arange(31))


@pytest.fixture
def streams(pictures: ImageSet) -> dict[str, Stream]:
    return {"train": Stream(pictures, view_of("weak", 8))}


@pytest.fixture
def settings() -> Training:
    """Twenty-three steps, five epochs that end within batches."""
    return Training(epochs=5, batch_size=7, lr=3e-3, seed=2)


@pytest.fixture
def new_learner() -> Callable[[], Classifier]:
    def make() -> Classifier:
        backbone = load_backbone("small_cnn", "none", 8, seed=1)
        torch.manual_seed(3)
        return Classifier(backbone, 3)

    return make


@pytest.fixture
def losses() -> Callable[[Classifier, dict[str, Batch], float], dict[str, Tensor]]:
    def cross_entropy(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}

    return cross_entropy


@pytest.fixture
def boundary(new_learner: Callable[[], Classifier]) -> Boundary:
    return new_learner().eval().freeze_up_to("blocks.0")
