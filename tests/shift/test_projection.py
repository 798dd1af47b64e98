from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.shift.projection import Projection, column_deviations


def features(num: int = 31, seed: int = 0) -> FeatureSet:
    draw = np.random.default_rng(seed)
    stages = tuple((draw.normal(size=(num, width)) * 3 + 2).astype(np.float32) for width in (5, 7))
    return FeatureSet(stages, None, None, ("early", "late"))


def test_standardized_rows_have_mean_zero_and_deviation_one_and_constants_stay_finite():
    given = features()
    last = given.penultimate.copy()
    last[:, 2] = 4.0
    given = FeatureSet((given.stages[0], last), None, None, given.stage_names)
    rows = Projection.standardized(given).rows(given)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), [1, 1, 0, 1, 1, 1, 1], atol=1e-5)


def test_all_axes_keep_distances_of_the_representation():
    given = features()
    representation = Representation.fitted(given, "stages")
    (projection,) = Projection.along_axes([(representation, given)], 12, 0)
    rows = projection.rows(given)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    distances = lambda matrix: ((matrix[:, None] - matrix[None]) ** 2).sum(axis=2)  # noqa: E731
    np.testing.assert_allclose(distances(rows), distances(representation.matrix(given)), atol=1e-4)
    assert Projection.along_axes([(representation, given)], 3, 0)[0].rows(given).shape == (31, 3)


def test_two_sides_share_their_axes():
    given, other = features(), features(23, 1)
    one, two = (Representation.fitted(side, "stages") for side in (given, other))
    projections = Projection.along_axes([(one, given), (two, other)], 12, 0)
    np.testing.assert_array_equal(projections[0].axes, projections[1].axes)
    both = np.concatenate([projections[0].rows(given), projections[1].rows(other)])
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-5)
    assert projections[1].representation is two


def test_a_mapped_projection_maps_rows():
    given = features()
    matrix, shift = np.random.default_rng(1).normal(size=(7, 2)), np.array([5.0, -3.0])
    projection = Projection.standardized(given)
    np.testing.assert_allclose(projection.mapped(matrix, shift).rows(given), projection.rows(given) @ matrix + shift, atol=1e-5)


def test_features_of_another_width_are_refused():
    given = features()
    other = FeatureSet((given.stages[0],), None, None, ("early",))
    with pytest.raises(DataError) as error:
        Projection.standardized(given).rows(other)
    assert str(error.value) == (
        "The features are 5 wide, and the model was fitted on 7. Give features that the same network made."
    )


def test_deviations_by_hand():
    rows = np.array([[1.0, 3.0], [5.0, 3.0]])
    assert column_deviations(rows, rows.mean(axis=0)).tolist() == [2.0, 1.0]
