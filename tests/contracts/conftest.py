"""A tiny real task: three of scikit-learn's digits, unequal numbers of each, more of them unlabeled, dimmed ones as a source."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task

sys.path.insert(0, str(Path(__file__).parent))  # lets the tests below import `toy_plug_in`
CLASSES = ("zero", "one", "seven")
DIGITS = (0, 1, 7)
TRAIN_COUNTS = (13, 17, 11)
TEST_COUNTS = (19, 23, 29)
POOL_COUNTS = (23, 19, 17)
SOURCE_COUNTS = (29, 31, 37)


def image_set(rows: np.ndarray, labels: np.ndarray, sealed: bool, dimmed: bool = False) -> ImageSet:
    pixels = (load_digits().images[rows][..., None] * (255 / 16)).astype(np.uint8)
    pixels, origin = (pixels // 2 + 40, "dimmed") if dimmed else (pixels, "digits")
    domains = (origin,) * len(rows) if dimmed else ()
    return ImageSet(ArrayImages(pixels, origin, rows), CLASSES, labels, rows.astype(np.int64), domains, sealed)


def rows_of(counts: tuple[int, ...], skipped: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    target = load_digits().target
    rows = [
        np.flatnonzero(target == digit)[skip : skip + count] for digit, count, skip in zip(DIGITS, counts, skipped, strict=True)
    ]
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    order = np.random.default_rng(5).permutation(len(labels))
    return np.concatenate(rows)[order], labels[order]


@pytest.fixture(scope="session")
def tiny_task() -> Task:
    train = image_set(*rows_of(TRAIN_COUNTS, (0, 0, 0)), sealed=False)
    test = image_set(*rows_of(TEST_COUNTS, TRAIN_COUNTS), sealed=True)
    used = tuple(map(sum, zip(TRAIN_COUNTS, TEST_COUNTS, strict=True)))
    rows, labels = rows_of(POOL_COUNTS, used)
    pool = image_set(rows, np.full_like(labels, UNLABELED), sealed=False)
    used = tuple(map(sum, zip(used, POOL_COUNTS, strict=True)))
    source = image_set(*rows_of(SOURCE_COUNTS, used), sealed=False, dimmed=True)
    return Task("digits", CLASSES, train, None, test, pool, source, place="digits", native_pixels=8, channels=1)
