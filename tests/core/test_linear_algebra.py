"""Spectra: the singular value decomposition from either side, rotations, and Ledoit and Wolf's intensity."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from headstart.core.linear_algebra import chunked_gram, rotated, row_space, shrinkage_intensity


@pytest.mark.parametrize("shape", [(7, 23), (23, 7), (11, 11)])
def test_row_space_is_the_singular_value_decomposition(shape):
    matrix = np.random.default_rng(0).normal(size=shape)
    left, values = row_space(matrix)
    np.testing.assert_allclose(np.sqrt(values)[::-1], np.linalg.svd(matrix, compute_uv=False), atol=1e-10)
    np.testing.assert_allclose(left @ (left.T @ matrix), matrix, atol=1e-10)
    np.testing.assert_allclose(left.T @ left, np.eye(min(shape)), atol=1e-9)


@pytest.mark.parametrize("shape", [(7, 23), (23, 7)])
def test_row_space_leaves_out_what_has_no_variance(shape):
    matrix = np.outer(np.arange(shape[0]) - 2.0, np.ones(shape[1]))
    assert row_space(matrix).left.shape[1] == 1
    assert row_space(np.zeros(shape)).left.shape == (shape[0], 0)


@pytest.mark.parametrize("shape", [(7, 23), (23, 7)])
def test_rotation_keeps_inner_products_and_leads_back(shape):
    matrix = np.random.default_rng(0).normal(size=shape)
    rows, basis = rotated(matrix)
    np.testing.assert_allclose(rows @ rows.T, matrix @ matrix.T, atol=1e-9)
    np.testing.assert_allclose(rows @ basis.T, matrix, atol=1e-9)


def test_gram_in_chunks_is_the_gram():
    matrix = np.random.default_rng(0).normal(size=(2311, 5))
    np.testing.assert_allclose(chunked_gram(matrix), matrix.T @ matrix, rtol=1e-10)


@pytest.mark.parametrize("shape", [(13, 29), (101, 7)])
def test_intensity_equals_scikit_learn(shape):
    rows = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
    rows -= rows.mean(axis=0)
    squared = float((((rows.T @ rows) / len(rows)) ** 2).sum())
    assert shrinkage_intensity(rows, squared, shape[1]) == pytest.approx(ledoit_wolf(rows, assume_centered=True)[1], rel=1e-9)
    turned = rotated(rows).rows
    assert shrinkage_intensity(turned, squared, shape[1]) == pytest.approx(shrinkage_intensity(rows, squared, shape[1]), rel=1e-9)


def test_intensity_of_nothing_is_one():
    assert shrinkage_intensity(np.zeros((5, 3)), 0.0, 3) == 1.0
