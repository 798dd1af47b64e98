"""KNN: a row has no vote on itself, and k is checked."""

import numpy as np
import pytest

from headstart.core.errors import PlanError
from headstart.methods import method_from
from headstart.methods.probe.knn import KNN, _left_out


def test_left_out_scores_equal_heads_fitted_without_the_row(draw):
    features, labels = draw(num=23)
    head, _ = KNN(num_neighbors=3).head_of(features, labels, 3)
    scores = _left_out(head, np.arange(23))
    for row in range(23):
        near = np.argsort(-(head.rows @ head.rows[row]))
        votes = np.bincount(labels[near[near != row][:3]], minlength=3)
        np.testing.assert_allclose(scores[row], np.log((votes + 1 / 3) / 4))


def test_more_neighbors_than_rows_are_lowered(draw):
    features, labels = draw(num=5)
    assert KNN(num_neighbors=50).head_of(features, labels, 3)[0].num_neighbors == 5


def test_no_neighbors_are_refused():
    with pytest.raises(PlanError) as caught:
        method_from({"kind": "knn", "num_neighbors": 0}, "plan.toml")
    assert str(caught.value) == "plan.toml: method.num_neighbors = 0: input should be greater than or equal to 1."
