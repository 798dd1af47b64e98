"""A representation reads the same from rows in memory and from rows that are made when asked for."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core import rows as module
from headstart.core.errors import PlanError
from headstart.core.rows import LazyRows
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import BLOCKS, Representation


def _lazy(array: np.ndarray) -> LazyRows:
    return LazyRows(array.shape, lambda part: array[part])


@pytest.fixture
def features() -> FeatureSet:
    generator = np.random.default_rng(0)
    stages = tuple(generator.normal(size=(31, width)).astype(np.float32) + 3 for width in (5, 11))
    return FeatureSet(stages, generator.random((31, 7), np.float32), None, ("a", "b"), (stages[0] ** 2,))


@pytest.mark.parametrize("blocks", BLOCKS)
def test_lazy_blocks_give_the_same_rows(features: FeatureSet, blocks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert features.pixels is not None
    late = FeatureSet(
        tuple(map(_lazy, features.stages)),
        _lazy(features.pixels),
        None,
        features.stage_names,
        tuple(map(_lazy, features.stds)),
    )
    expected = Representation.fitted(features, blocks).rows(features)
    assert isinstance(expected, np.ndarray)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    made = Representation.fitted(late, blocks)
    rows = made.rows(late)
    assert isinstance(rows, LazyRows)
    np.testing.assert_allclose(made.matrix(late), expected, atol=1e-6)
    np.testing.assert_allclose(rows[np.array([30, 2])], expected[[30, 2]], atol=1e-6)
    np.testing.assert_allclose(made.matrix(late.take(np.array([5, 3, 5]))), expected[[5, 3, 5]], atol=1e-6)


def test_every_block_has_length_one_and_the_training_mean_is_taken_off(features: FeatureSet) -> None:
    matrix = Representation.fitted(features, "stages").matrix(features)
    first = features.stages[0] - features.stages[0].mean(axis=0)
    np.testing.assert_allclose(matrix[:, :5], first / np.linalg.norm(first, axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), np.sqrt(3), rtol=1e-6)


def test_pixels_alone_need_pictures(features: FeatureSet) -> None:
    with pytest.raises(PlanError) as caught:
        Representation.fitted(FeatureSet(features.stages, None, None, features.stage_names), "pixels")
    assert str(caught.value) == ('features = "pixels" needs pictures, and these rows are feature vectors. Choose "penultimate".')
