"""H-score: the fixture, its upper end, and its failure with few rows."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.h_score import h_score


def test_fixture(fixture_rows):
    assert h_score(fixture_rows) == pytest.approx(0.833333, abs=5e-7)


def test_one_hot_features_reach_the_number_of_classes_minus_one():
    labels = np.array([0, 1, 1, 2, 2, 2, 3, 3])
    assert h_score(LabeledFeatures(np.eye(4)[labels], labels)) == pytest.approx(3)


def test_as_many_features_as_rows_saturate_it():
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 5
    assert h_score(LabeledFeatures(generator.normal(size=(200, 199)), labels)) == pytest.approx(4)


def test_equals_the_trace_of_its_definition(draw):
    rows = draw()
    centered = rows.features - rows.features.mean(axis=0)
    means = np.stack([centered[rows.labels == label].mean(axis=0) for label in range(3)])[rows.labels]
    assert h_score(rows) == pytest.approx(np.trace(np.linalg.solve(centered.T @ centered, means.T @ means)))
