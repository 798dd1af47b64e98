"""Logistic: groups keep inner folds honest, and the head scores raw features."""

import numpy as np
from scipy.special import softmax

from headstart.features.feature_set import FeatureSet
from headstart.methods.probe.logistic import Logistic


def test_repeated_rows_in_one_group_do_not_sharpen_the_temperature(draw):
    features, labels = draw(num=45, signal=0.5)
    repeated = features.take(np.repeat(np.arange(45), 3))
    groups = np.repeat(np.arange(45), 3)
    head, honest = Logistic().head_of(repeated, np.repeat(labels, 3), 3, groups)
    other, fooled = Logistic().head_of(repeated, np.repeat(labels, 3), 3)

    def confidence(fitted, temperature):
        return (fitted.scores(features) / temperature).std()

    assert confidence(head, honest) < confidence(other, fooled)


def test_bias_balances_the_classes_on_raw_features(draw):
    features, labels = draw()
    features = FeatureSet((features.stages[0] ** 3,), None, None, ("only",))
    head, _ = Logistic().head_of(features, labels, 3)
    assert np.abs(head.representation.matrix(features).mean(axis=0)).max() > 0.05
    shares = softmax(head.scores(features), axis=1).mean(axis=0)
    np.testing.assert_allclose(shares, np.bincount(labels) / len(labels), atol=1e-3)
