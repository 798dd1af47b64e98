"""KernelRidge: its own equations, and boundaries that ridge cannot draw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge as Oracle

from headstart.features.feature_set import FeatureSet
from headstart.heads.temperature import fit_temperature
from headstart.methods import kernel_head
from headstart.methods.probe.kernel_ridge import KernelRidge
from headstart.methods.probe.ridge import Ridge


@pytest.fixture
def quadrants():
    """Two classes in opposite quadrants: no line parts them."""
    draw = np.random.default_rng(4)
    angles = draw.uniform(0, 2 * np.pi, 151)
    labels = (angles // (np.pi / 2)).astype(np.int64) % 2
    planes = np.stack([np.cos(angles), np.sin(angles), np.full(151, 3.0)], axis=1)
    return FeatureSet((planes.astype(np.float32),), None, None, ("given",)), labels


def accuracy(method, features, labels) -> float:
    head, _ = method.head_of(features.take(np.arange(100)), labels[:100], 2)
    return float((head.scores(features.take(np.arange(100, 151))).argmax(axis=1) == labels[100:]).mean())


def test_it_is_kernel_ridge_with_an_intercept(draw):
    features, labels = draw(num=37)
    head, _ = KernelRidge(blocks="stages").head_of(features, labels, 3)
    rows = head.representation.matrix(features).astype(float)
    squares = ((rows[:, None] - rows) ** 2).sum(axis=2)
    kernel = np.exp(-head.gamma * squares)
    center = np.eye(37) - 1 / 37
    targets = 2.0 * np.eye(3)[labels] - 1
    values = np.linalg.eigvalsh(center @ kernel @ center)
    found = head.scores(features)
    errors = []
    for penalty in values.sum() / 37 * 10.0 ** np.arange(-4, 5):
        oracle = Oracle(alpha=penalty, kernel="precomputed").fit(center @ kernel @ center, center @ targets)
        errors.append(np.abs(oracle.predict(center @ kernel @ center) + targets.mean(axis=0) - found).max())
    assert min(errors) < 0.02


def test_curved_boundaries_are_learned(quadrants):
    features, labels = quadrants
    assert accuracy(Ridge(blocks="penultimate"), features, labels) < 0.8
    assert accuracy(KernelRidge(blocks="penultimate"), features, labels) > 0.9


def test_more_rows_than_landmarks_are_learned_from_all_the_same(quadrants, monkeypatch):
    features, labels = quadrants
    monkeypatch.setattr(kernel_head, "MOST_LANDMARKS", 41)
    head, _ = KernelRidge(blocks="penultimate").head_of(features, labels, 2)
    assert len(head.landmarks) == 41
    assert accuracy(KernelRidge(blocks="penultimate"), features, labels) > 0.9


def test_the_temperature_is_of_rows_that_were_left_out(quadrants):
    features, labels = quadrants
    head, temperature = KernelRidge(blocks="penultimate").head_of(features, labels, 2)
    assert temperature > fit_temperature(head.scores(features), labels)
