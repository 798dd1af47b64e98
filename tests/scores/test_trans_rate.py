"""TransRate: the fixture, and independence of the unit."""

import numpy as np
import pytest

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.trans_rate import coding_rate_gain, trans_rate


def test_fixture(fixture_rows):
    assert coding_rate_gain(fixture_rows.features, fixture_rows.labels, 1.0) == pytest.approx(0.002339, abs=5e-7)


def test_unit_of_the_features_does_not_matter(draw):
    rows = draw()
    assert trans_rate(LabeledFeatures(rows.features * 100, rows.labels)) == pytest.approx(trans_rate(rows))


def test_equals_determinants_computed_in_full(draw):
    rows = draw(num=23, width=31)
    centered = rows.features - rows.features.mean(axis=0)

    def rate(part):
        return np.linalg.slogdet(np.eye(31) + part.T @ part / (len(part) * 0.1))[1] / 2

    within = sum(np.mean(rows.labels == label) * rate(centered[rows.labels == label]) for label in range(3))
    assert coding_rate_gain(rows.features, rows.labels, 0.1) == pytest.approx(rate(centered) - within)
