"""Handwritten digits without most of their labels, and a small network for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task

CLASSES = tuple("0123456789")


def digits(rows: np.ndarray, labels: np.ndarray) -> ImageSet:
    """Those of scikit-learn's digits, side 8."""
    pixels = (load_digits().images[rows][..., None] * (255 / 16)).astype(np.uint8)
    return ImageSet(ArrayImages(pixels, "digits", rows), CLASSES, labels, rows.astype(np.int64))


@pytest.fixture(scope="session")
def task() -> Task:
    """Fifty-three labeled digits, 384 without labels, and 211 to test on."""
    labels = load_digits().target.astype(np.int64)
    order = np.random.default_rng(2).permutation(len(labels))[:648]
    train, pool, test = order[:53], order[53:437], order[437:]
    return Task(
        "digits",
        CLASSES,
        digits(train, labels[train]),
        test=replace(digits(test, labels[test]), sealed=True),
        unlabeled=digits(pool, np.full(len(pool), UNLABELED)),
        native_pixels=8,
        channels=1,
    )


@pytest.fixture
def few(task: Task) -> Task:
    """Twenty-three digits without any class."""
    images = replace(task.unlabeled.take(np.arange(23)), classes=())
    return replace(task, classes=(), train=images, unlabeled=None, test=None)


@pytest.fixture
def backbone() -> Backbone:
    """A network of three blocks with random weights."""
    return load_backbone("small_cnn", "none", 8, seed=1)
