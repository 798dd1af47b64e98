"""Tasks of a source and a target: feature vectors and small pictures, classes and domains of uneven sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, Embeddings, Images, ImageSet
from headstart.data.task import Task

CLASSES = ("a", "b", "c")
SOURCE_COUNTS = (41, 37, 29)
TARGET_COUNTS = (31, 29, 23)
TEST_COUNTS = (19, 23, 17)
TURN = np.array([[1.3, 0.5], [-0.4, 0.9]])
SHIFT = np.array([2.5, -2.0])


def rows_of(counts: tuple[int, ...], seed: int, width: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Rows around three places, and their classes, mixed."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    places = np.zeros((3, width))
    places[:, :2] = [[0, 0], [3, 0.5], [0.5, 3]]
    return places[labels] + 0.5 * draw.normal(size=(len(labels), width)) + 1.0, labels


def image_set(images: Images, labels: np.ndarray, domain: str = "", sealed: bool = False) -> ImageSet:
    """The rows as a set of their own groups."""
    rows = np.arange(len(labels))
    return ImageSet(images, CLASSES, labels.astype(np.int64), rows, (domain,) * len(rows) if domain else (), sealed)


def vector_task(width: int = 2, matrix: np.ndarray = TURN, shift: np.ndarray = SHIFT, labeled: int = 0, seed: int = 0) -> Task:
    """Feature vectors whose first two features the target turns and moves; the others are noise in both.

    The first `labeled` target rows keep their labels.
    """

    def seen(counts: tuple[int, ...], at: int, target: bool) -> tuple[Embeddings, np.ndarray]:
        rows, labels = rows_of(counts, seed + at, width)
        if target:
            rows[:, :2] = rows[:, :2] @ matrix + shift
        return Embeddings(rows.astype(np.float32), "target" if target else "source", np.arange(len(rows))), labels

    source = image_set(*seen(SOURCE_COUNTS, 1, False), "one")
    target = image_set(*seen(TARGET_COUNTS, 2, True))
    test = image_set(*seen(TEST_COUNTS, 3, True), sealed=True)
    return _task(source, target, test, labeled, 0)


def picture_task(labeled: int = 0) -> Task:
    """Pictures of side 16 with a bright half in one of three colors; those of the target are inverted in part."""

    def seen(counts: tuple[int, ...], seed: int, target: bool) -> tuple[ArrayImages, np.ndarray]:
        draw = np.random.default_rng(seed)
        labels = draw.permutation(np.repeat(np.arange(len(counts)), counts))
        pixels = draw.integers(0, 60, (len(labels), 16, 16, 3)).astype(np.uint8)
        for row, label in enumerate(labels):
            pixels[row, :, row % 7 :, label] += 110
        if target:
            pixels = pixels // 2 + 90
        return ArrayImages(pixels, "target" if target else "source", np.arange(len(labels))), labels

    source, target, test = seen(SOURCE_COUNTS, 1, False), seen(TARGET_COUNTS, 2, True), seen(TEST_COUNTS, 3, True)
    return _task(image_set(*source, "one"), image_set(*target), image_set(*test, sealed=True), labeled, 16)


def _task(source: ImageSet, target: ImageSet, test: ImageSet, labeled: int, pixels: int) -> Task:
    rows = np.arange(len(target))
    free = target.take(rows[labeled:])
    hidden = replace(free, hidden_labels=np.full(len(free), UNLABELED, np.int64))
    return Task("made", CLASSES, target.take(rows[:labeled]), None, test, hidden, source, native_pixels=pixels)
