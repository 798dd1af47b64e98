from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from headstart.heads.platt_scaling import fit_platt


def test_it_is_the_logistic_regression_of_smoothed_targets():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(83, 2)) * [3.0, 0.2] + [5.0, -1.0]
    targets = (rng.random((83, 2)) < expit(scores * [0.7, 4.0] + [-3.0, 4.0])).astype(float)
    slope, offset = fit_platt(scores, targets)
    for one in range(2):
        positive = targets[:, one].sum()
        high, low = (positive + 1) / (positive + 2), 1 / (83 - positive + 2)
        rows, labels = np.tile(scores[:, one], 2)[:, None], np.repeat([1, 0], 83)
        share = np.where(targets[:, one] > 0, high, low)
        oracle = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000).fit(rows, labels, np.concatenate([share, 1 - share]))
        np.testing.assert_allclose([slope[one], offset[one]], [oracle.coef_[0, 0], oracle.intercept_[0]], rtol=1e-3)


def test_separable_and_misleading_scores_leave_probabilities_inside():
    targets = np.repeat([[1.0], [0.0]], 20, axis=0)
    slope, offset = fit_platt(np.linspace(5, -5, 40)[:, None], targets)
    probs = expit(slope * np.array([5.0, -5.0]) + offset)
    assert 0.9 < probs[0] < 1
    assert 0 < probs[1] < 0.1
    slope, offset = fit_platt(np.linspace(-5, 5, 40)[:, None], targets)
    assert slope[0] == 0
    assert np.isclose(expit(offset[0]), 0.5)
