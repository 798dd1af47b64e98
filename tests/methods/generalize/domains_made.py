"""Three source domains of colored squares and one that is not seen, of uneven sizes, each brighter than the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task

CLASSES = ("red", "green", "blue")
COUNTS = {"dark": (17, 13, 11), "dim": (9, 11, 7), "light": (7, 5, 11)}
UNSEEN = (19, 23, 17)


def _drawn(counts: tuple[int, ...], seed: int, brightness: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(3), counts))
    pixels = draw.integers(0, 50, (len(labels), 16, 16, 3)).astype(np.uint8) + np.uint8(brightness)
    for row, label in enumerate(labels):
        pixels[row, :, row % 7 :, label] += 100
    return pixels, labels


def _set(parts: list[tuple[np.ndarray, np.ndarray]], domains: tuple[str, ...] = ()) -> ImageSet:
    pixels, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    rows = np.arange(len(labels))
    return ImageSet(ArrayImages(pixels, "squares", rows), CLASSES, labels.astype(np.int64), rows, domains)


def domain_task() -> Task:
    """No target row but those of the test."""
    parts = [_drawn(counts, place, 25 * place) for place, counts in enumerate(COUNTS.values())]
    domains = tuple(name for name, counts in COUNTS.items() for _ in range(sum(counts)))
    test = replace(_set([_drawn(UNSEEN, 9, 90)]), sealed=True)
    source = _set(parts, domains)
    return Task("squares", CLASSES, source.take([]), test=test, source=source, native_pixels=16)
