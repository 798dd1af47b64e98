"""Principal components: against a full decomposition, and along which axes features are projected."""

import numpy as np
import pytest

from headstart.core.rows import LazyRows
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads import principal_components as module
from headstart.heads.principal_components import PrincipalComponents, principal_components


def decaying(num: int = 83, width: int = 31) -> np.ndarray:
    """Centered rows whose deviation halves from one direction to the next, directions hidden by a rotation."""
    random = np.random.default_rng(4)
    rotation = np.linalg.qr(random.normal(size=(width, width)))[0]
    rows = random.normal(size=(num, width)) * 0.5 ** np.arange(width) @ rotation.T
    return (rows - rows.mean(axis=0)).astype(np.float32)


def captured(rows: np.ndarray, axes: np.ndarray) -> float:
    return float(((rows @ axes) ** 2).sum() / (rows**2).sum())


def test_axes_are_orthonormal_and_span_the_leading_directions():
    rows = decaying()
    axes = principal_components(rows, 5, seed=0)
    assert axes.dtype == np.float32
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-5)
    exact = np.linalg.svd(rows, full_matrices=False)[2][:5].T
    assert captured(rows, axes) == pytest.approx(captured(rows, exact), abs=1e-4)
    assert np.linalg.svd(exact[:, :3].T @ axes, compute_uv=False).min() > 0.999


@pytest.mark.parametrize(("num", "width", "expected"), [(7, 31, 7), (50, 3, 3), (50, 31, 11)])
def test_there_are_no_more_axes_than_rows_or_features(num, width, expected):
    rows = np.random.default_rng(0).normal(size=(num, width)).astype(np.float32)
    axes = principal_components(rows, 11, seed=0)
    assert axes.shape == (width, expected)
    np.testing.assert_allclose(axes.T @ axes, np.eye(expected), atol=1e-5)


def test_as_many_axes_as_features_keep_all_cosines():
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    projected = rows @ principal_components(rows, 6, seed=0)
    np.testing.assert_allclose(projected @ projected.T, rows @ rows.T, atol=1e-4)


def test_the_seed_alone_decides():
    rows = decaying()
    np.testing.assert_array_equal(principal_components(rows, 4, seed=1), principal_components(rows, 4, seed=1))
    assert not np.array_equal(principal_components(rows, 4, seed=1), principal_components(rows, 4, seed=2))


def test_many_rows_are_sampled_evenly_and_read_in_chunks(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 40)
    values, read = decaying(200), []

    def reading(part: object) -> np.ndarray:
        read.append(np.arange(200)[part])
        return values[part]

    lazy = LazyRows(values.shape, reading)
    axes = principal_components(lazy, 5, seed=0)
    chosen = np.unique(np.concatenate(read))
    assert (len(chosen), chosen[0], chosen[-1]) == (40, 0, 199)
    assert np.diff(chosen).max() <= 6
    np.testing.assert_allclose(np.abs(axes.T @ principal_components(values[chosen], 5, seed=0)), np.eye(5), atol=1e-3)


def test_rows_are_the_representation_along_the_axes():
    random = np.random.default_rng(1)
    features = FeatureSet((random.normal(size=(9, 5)).astype(np.float32),), None, None, ("given",))
    representation = Representation.fitted(features, "penultimate")
    axes = np.linalg.qr(random.normal(size=(5, 2)))[0].astype(np.float32)
    centered = features.stages[0] - features.stages[0].mean(axis=0)
    by_hand = centered / np.linalg.norm(centered, axis=1, keepdims=True) @ axes
    projected = PrincipalComponents(representation, axes).rows(features)
    assert projected.dtype == np.float32
    np.testing.assert_allclose(projected, by_hand, atol=1e-6)
