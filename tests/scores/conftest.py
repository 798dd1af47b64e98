"""Labeled features that several scores are tested on."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures


@pytest.fixture
def fixture_rows():
    """The six rows whose scores are known to six digits."""
    features = np.array([[2, 0], [1, 1], [2, 1], [0, 2], [-1, 1], [0, 1]], float)
    probs = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.1, 0.5, 0.4]])
    return LabeledFeatures(features, np.array([0, 0, 0, 1, 1, 1]), probs)


@pytest.fixture
def draw():
    """Makes unbalanced labeled rows whose features know the class to a chosen degree."""

    def make(num=47, width=11, num_classes=3, signal=1.5, seed=0):
        generator = np.random.default_rng(seed)
        labels = generator.choice(num_classes, num, p=np.arange(1, num_classes + 1) / np.arange(1, num_classes + 1).sum())
        labels[: 4 * num_classes] = np.arange(4 * num_classes) % num_classes
        features = generator.normal(size=(num, width)) * np.linspace(0.5, 2, width) + 5
        features[:, : min(num_classes, width)] += signal * np.eye(num_classes)[labels][:, :width]
        probs = generator.dirichlet(np.ones(7) / 2, num)
        return LabeledFeatures(features, labels.astype(np.int64), probs)

    return make
