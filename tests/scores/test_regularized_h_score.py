"""Regularized H-score: against its definition with scikit-learn's shrunk covariance."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from headstart.scores.regularized_h_score import regularized_h_score


@pytest.mark.parametrize("width", [5, 83])
def test_equals_its_definition(width, draw):
    rows = draw(width=width)
    centered = rows.features - rows.features.mean(axis=0)
    means = np.stack([centered[rows.labels == label].mean(axis=0) for label in range(3)])[rows.labels]
    shrunk, intensity = ledoit_wolf(centered, assume_centered=True)
    expected = (1 - intensity) * np.trace(np.linalg.solve(shrunk, means.T @ means / len(means)))
    assert regularized_h_score(rows) == pytest.approx(expected)
    assert 0 <= regularized_h_score(rows) <= 2
