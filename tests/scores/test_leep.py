"""LEEP: the fixture and both ends of its range."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.leep import leep

LABELS = np.array([0, 0, 1, 2, 2, 2, 2])


def test_fixture(fixture_rows):
    assert leep(fixture_rows) == pytest.approx(-0.482044, abs=5e-7)


def test_uniform_probabilities_give_minus_the_entropy():
    shares = np.array([2, 1, 4]) / 7
    expected = (shares * np.log(shares)).sum()
    assert leep(LabeledFeatures(np.zeros((7, 1)), LABELS, np.full((7, 5), 0.2))) == pytest.approx(expected)


def test_source_classes_that_are_the_classes_give_zero():
    assert leep(LabeledFeatures(np.zeros((7, 1)), LABELS, np.eye(3)[[1, 2, 0]][LABELS])) == pytest.approx(0)
