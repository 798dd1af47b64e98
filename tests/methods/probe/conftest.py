"""Rows, features and tasks for the closed-form heads."""

import numpy as np
import pytest

from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.features.feature_set import FeatureSet


@pytest.fixture
def draw():
    """Makes features of three stages and pixels, unbalanced, with labels; `centers` fixes the classes, `seed` the rows."""

    def make(num=61, num_classes=3, signal=3.0, seed=0):
        generator = np.random.default_rng(seed)
        labels = (np.arange(num) ** 2 % num_classes if num_classes > 3 else np.arange(num) % num_classes).astype(np.int64)
        labels[num - num // 5 :] = 0
        centers = np.random.default_rng(99)
        stages = []
        for width in (7, 13, 29):
            means = centers.normal(size=(num_classes, width)) * signal / np.sqrt(width)
            stages.append((generator.normal(size=(num, width)) + means[labels] + 2).astype(np.float32))
        pixels = generator.random((num, 11)).astype(np.float32)
        return FeatureSet(tuple(stages), pixels, None, ("early", "middle", "late")), labels

    return make


@pytest.fixture
def task(draw):
    """A task of feature vectors, with a sealed test set and a class that has no training rows."""
    features, labels = draw(num=67)
    rows = np.arange(67)
    images = Embeddings(features.penultimate, "made", rows)
    every = ImageSet(images, ("a", "b", "c", "never"), labels, rows)
    test = every.take(rows[:17])
    return Task(
        "made", every.classes, every.take(rows[17:]), test=ImageSet(test.images, test.classes, labels[:17], rows[:17], (), True)
    )
