"""N-LEEP: clusters that are the classes, and too few rows."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.n_leep import n_leep


def test_clusters_that_are_the_classes_score_near_zero():
    labels = np.arange(60) % 3
    features = np.eye(3)[labels] * 50 + np.random.default_rng(0).normal(size=(60, 3))
    assert -0.01 < n_leep(LabeledFeatures(features, labels)) <= 0


def test_constant_features_give_minus_the_entropy():
    labels = np.arange(60) % 3
    assert n_leep(LabeledFeatures(np.ones((60, 4)), labels)) == pytest.approx(-np.log(3))


def test_too_few_rows_have_no_score():
    assert n_leep(LabeledFeatures(np.random.default_rng(0).normal(size=(11, 4)), np.arange(11) % 3)) is None
