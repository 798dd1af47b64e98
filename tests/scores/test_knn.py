"""kNN: against scikit-learn's nearest neighbors, and ties."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from headstart.features.feature_set import LabeledFeatures
from headstart.scores.knn import knn, nearest_neighbor_hits


@pytest.mark.slow
def test_equals_scikit_learn_leave_one_out(draw):
    rows = draw()
    centered = rows.features - rows.features.mean(axis=0)
    model = KNeighborsClassifier(1, metric="cosine")
    assert knn(rows) == pytest.approx(cross_val_score(model, centered, rows.labels, cv=LeaveOneOut()).mean())


def test_equally_near_rows_share_the_vote():
    features = np.array([[1.0, 0], [1, 0], [1, 0], [-3, 0]])
    hits = nearest_neighbor_hits(LabeledFeatures(features, np.array([0, 0, 1, 1])))
    np.testing.assert_allclose(hits, [0.5, 0.5, 0, 1 / 3])


def test_one_row_has_no_score():
    assert knn(LabeledFeatures(np.ones((1, 2)), np.array([0]))) is None
