"""The check of unlabeled images: fires on another kind, is silent on the same one, and reads no more than it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.checks import pool_differs as module
from headstart.checks.pool_differs import pool_differs
from headstart.core.findings import NotApplicable
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, Embeddings, Images, ImageSet
from headstart.data.task import Task

CLASSES = tuple(str(digit) for digit in range(10))


def digits() -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return (found.images[..., None] * (255 / 16)).astype(np.uint8), found.target.astype(np.int64)


def textures(num: int) -> np.ndarray:
    """Pictures of stripes, uint8 [sample, 8, 8, 1]."""
    random = np.random.default_rng(0)
    phase, pitch = random.uniform(0, 7, (num, 1, 1)), random.uniform(0.6, 2.0, (num, 1, 1))
    rows, columns = np.mgrid[0:8, 0:8]
    waves = np.sin(pitch * (rows + columns) + phase) + 0.3 * random.normal(size=(num, 8, 8))
    return np.clip(127 + 80 * waves, 0, 255).astype(np.uint8)[..., None]


def part(images: Images, labels: np.ndarray, first_group: int = 0) -> ImageSet:
    return ImageSet(images, CLASSES, labels, np.arange(len(labels)) + first_group)


def pictures(pixels: np.ndarray, labels: np.ndarray | None = None, first_group: int = 0) -> ImageSet:
    known = np.full(len(pixels), UNLABELED, np.int64) if labels is None else labels
    return part(ArrayImages(pixels, "made", np.arange(len(pixels)) + first_group), known, first_group)


def task_with(unlabeled: ImageSet | None, per_class: int = 2) -> Task:
    pixels, labels = digits()
    chosen = np.concatenate([np.flatnonzero(labels == digit)[:per_class] for digit in range(10)])
    return Task("digits", CLASSES, pictures(pixels[chosen], labels[chosen]), unlabeled=unlabeled, native_pixels=8, channels=1)


def test_pictures_of_another_kind_are_reported():
    found = pool_differs(task_with(pictures(textures(400), first_group=1000)))
    assert (found.code, found.severity) == ("pool-differs", "warning")
    evidence = found.evidence
    assert (evidence["p_value"], evidence["labeled"], evidence["unlabeled"]) == (0.001, 20, 400)
    assert evidence["share"] > 0.5 > 0.1 > evidence["expected"]
    assert found.title == (
        "The unlabeled images look unlike the labeled ones: of the nearest neighbors of labeled images, a share of "
        f"{evidence['share']:.2f} is labeled, too, where {evidence['expected']:.2f} would be among images of one kind."
    )


@pytest.mark.parametrize("per_class", [1, 5, 20])
def test_the_same_digits_by_other_writers_are_not(per_class):
    assert pool_differs(task_with(pictures(digits()[0][700:1300], first_group=1000), per_class)) is None


def test_without_unlabeled_pictures_there_is_nothing_to_say():
    task = task_with(pictures(textures(3)))
    assert isinstance(pool_differs(replace(task, unlabeled=None)), NotApplicable)
    assert isinstance(pool_differs(replace(task, unlabeled=task.unlabeled.take([]))), NotApplicable)


def test_vectors_are_compared_as_they_are():
    random = np.random.default_rng(0)
    near, far = random.normal(size=(60, 5)).astype(np.float32), random.normal(size=(300, 5)).astype(np.float32)
    train = part(Embeddings(near, "set", np.arange(60)), np.arange(60) % 10)

    def pool(vectors: np.ndarray) -> ImageSet:
        return part(Embeddings(vectors, "set", np.arange(300)), np.full(300, UNLABELED, np.int64), 1000)

    assert pool_differs(Task("set", CLASSES, train, unlabeled=pool(far))) is None
    assert pool_differs(Task("set", CLASSES, train, unlabeled=pool(far + np.float32(9)))).code == "pool-differs"


def test_only_some_rows_of_many_are_looked_at(monkeypatch):
    monkeypatch.setattr(module, "MOST_LABELED", 7)
    monkeypatch.setattr(module, "MOST_UNLABELED", 50)
    seen = []
    original = module.scan
    monkeypatch.setattr(module, "scan", lambda images: seen.append(len(images)) or original(images))
    evidence = pool_differs(task_with(pictures(textures(400), first_group=1000))).evidence
    assert seen == [7, 50]
    assert (evidence["labeled"], evidence["unlabeled"]) == (7, 50)
