"""GBC: two unit Gaussians at a known distance, and classes too small for a variance."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.gbc import gbc


def unit_gaussians(distance, width=3, scale=1.0):
    cloud = np.concatenate([np.eye(width), -np.eye(width)]) * np.sqrt(width) * scale
    features = np.concatenate([cloud, cloud + np.eye(width)[0] * distance])
    return LabeledFeatures(features, np.repeat([0, 1], 2 * width))


@pytest.mark.parametrize("distance", [0.5, 2.0, 5.0])
def test_two_unit_gaussians(distance):
    assert gbc(unit_gaussians(distance)) == pytest.approx(-2 * np.exp(-(distance**2) / 8))


def test_two_unit_gaussians_two_apart():
    assert gbc(unit_gaussians(2.0)) == pytest.approx(-1.213061, abs=5e-7)


def test_unit_of_the_features_does_not_matter():
    assert gbc(unit_gaussians(4.0, scale=2.0)) == pytest.approx(-2 * np.exp(-0.5))


def test_unequal_spread_alone_separates():
    small, large = unit_gaussians(0, scale=1.0).features[:6], unit_gaussians(0, scale=3.0).features[:6]
    found = gbc(LabeledFeatures(np.concatenate([small, large]), np.repeat([0, 1], 6)))
    assert found == pytest.approx(-2 * np.exp(-1.5 * np.log(5 / 3)))


def test_a_class_of_one_row_has_no_variance():
    assert gbc(LabeledFeatures(np.random.default_rng(0).normal(size=(5, 2)), np.array([0, 0, 1, 1, 2]))) is None
