"""LDA: against scikit-learn with the same shrinkage, and the nearest mean where nothing varies within classes."""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.core.linear_algebra import rotated, shrinkage_intensity
from headstart.features.feature_set import FeatureSet
from headstart.methods.probe.lda import LDA, _discriminant
from headstart.methods.probe.nearest_mean import NearestMean


def test_equals_scikit_learn_with_the_same_shrinkage(draw):
    features, labels = draw(num=101, signal=0.5)
    rows = np.asarray(features.stages[1], np.float64)
    rows -= rows.mean(axis=0)
    weight, bias = _discriminant(rows, labels, 3, rows.shape[1])
    within = rows - np.stack([rows[labels == label].mean(axis=0) for label in range(3)])[labels]
    covariance = within.T @ within / len(rows)
    intensity = shrinkage_intensity(within, float((covariance**2).sum()), rows.shape[1])
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=intensity).fit(rows, labels)
    found, expected = rows @ weight + bias, oracle.decision_function(rows)
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=1e-8)


def test_rotation_into_the_space_of_the_rows_changes_nothing(draw):
    features, labels = draw(num=19)
    rows = np.asarray(features.stages[2], np.float64)
    rows -= rows.mean(axis=0)
    weight, bias = _discriminant(rows, labels, 3, 29)
    turned = rotated(rows).rows
    other_weight, other_bias = _discriminant(turned, labels, 3, 29)
    found, expected = turned @ other_weight + other_bias, rows @ weight + bias
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=1e-8)


def test_one_row_a_class_is_the_nearest_mean(draw):
    features, _ = draw(num=7)
    new, _ = draw(num=40, seed=1)
    labels = np.arange(7)
    ours, _ = LDA().head_of(features, labels, 7)
    nearest, _ = NearestMean(blocks="stages+pixels").head_of(features, labels, 7)
    np.testing.assert_array_equal(ours.scores(new).argmax(axis=1), nearest.scores(new).argmax(axis=1))


def test_head_scores_raw_features_as_the_discriminant_scores_centered_ones(draw):
    features, labels = draw()
    features = FeatureSet((features.stages[0] ** 3,), None, None, ("only",))
    head, _ = LDA().head_of(features, labels, 3)
    matrix = np.asarray(head.representation.matrix(features), np.float64)
    assert np.abs(matrix.mean(axis=0)).max() > 0.05
    centered = matrix - matrix.mean(axis=0)
    weight, bias = _discriminant(centered, labels, 3, 7)
    np.testing.assert_allclose(head.scores(features), centered @ weight + bias, atol=1e-4)
