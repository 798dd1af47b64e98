"""Nearest mean: distances by hand, and scores by means without the row."""

import numpy as np
import pytest

from headstart.features.representation import Representation
from headstart.heads.class_statistics import class_means
from headstart.methods.probe.nearest_mean import PRIOR_TEMPERATURE, NearestMean, _left_out


def test_scores_order_classes_by_distance(draw):
    features, labels = draw()
    head, _ = NearestMean().head_of(features, labels, 3)
    rows = Representation.fitted(features, "stages").matrix(features)
    distances = ((rows[:, None] - class_means(rows, labels, 3)[None]) ** 2).sum(axis=2)
    expected = -0.5 * (distances - (rows**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(head.scores(features), expected, atol=1e-5)


def test_left_out_scores_equal_means_without_the_row():
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(17, 5)), np.array([0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 3])
    means = class_means(rows, labels, 4)
    scores, judged = _left_out(rows, labels, means.T, -0.5 * (means**2).sum(axis=1))
    np.testing.assert_array_equal(judged, labels != 3)
    for row in np.flatnonzero(judged):
        kept = np.arange(17) != row
        others = np.stack([rows[kept & (labels == label)].mean(axis=0) if label != 3 else means[3] for label in range(4)])
        expected = rows[row] @ others.T - 0.5 * (others**2).sum(axis=1)
        np.testing.assert_allclose(scores[row], expected, atol=1e-12)


def test_one_row_a_class_takes_the_prior_temperature(draw):
    features, _ = draw(num=3)
    assert NearestMean().head_of(features, np.arange(3), 3)[1] == pytest.approx(PRIOR_TEMPERATURE)
