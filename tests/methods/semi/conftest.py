"""A tiny task of colored squares with unlabeled ones, a network for it, and a learner whose logits a test writes down."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headstart.core.types import UNLABELED, Bytes, Integers
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task

sys.path.insert(0, str(Path(__file__).parent))  # lets the tests of this folder import `scripted`

CLASSES = ("red", "green", "blue")


def _squares(labels: Integers, seed: int) -> Bytes:
    """Noise of side 32 with a bright half in the color of the class."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 100, (len(labels), 32, 32, 3)).astype(np.uint8)
    for row, label in enumerate(labels):
        pixels[row, :, row % 13 :, label] += 110
    return pixels


@pytest.fixture
def squares() -> Task:
    """Nineteen labeled pictures in three unequal classes and thirty-one without a label."""
    labels = np.array([0] * 8 + [1] * 6 + [2] * 5, np.int64)
    rows = np.arange(19)
    train = ImageSet(ArrayImages(_squares(labels, 7), "squares", rows), CLASSES, labels, rows)
    truth = np.array([0] * 11 + [1] * 13 + [2] * 7, np.int64)
    rows = np.arange(19, 50)
    pool = ImageSet(ArrayImages(_squares(truth, 8), "squares", rows), CLASSES, np.full(31, UNLABELED, np.int64), rows)
    return Task("squares", CLASSES, train, unlabeled=pool, native_pixels=32)


@pytest.fixture
def bare(squares: Task) -> Task:
    """The task without unlabeled pictures."""
    return replace(squares, unlabeled=None)
