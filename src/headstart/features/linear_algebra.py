"""Spectra of feature matrices, computed on the smaller side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from headstart.core.types import Floats

CHUNK_ROWS = 1024
EXACT_SIDE = 4096
"""Up to this side everything is float64; beyond it products are float32, summed in float64."""


class RowSpace(NamedTuple):
    """Left singular vectors and squared singular values of a matrix, without its null space.

    Attributes:
        left: float64 [sample, rank], orthonormal columns.
        values: float64 [rank], positive, ascending.
    """

    left: Floats
    values: Floats


class Rotation(NamedTuple):
    """An orthonormal basis of the space that rows span.

    Attributes:
        rows: The rows in that basis, [sample, rank].
        basis: [feature, rank], orthonormal columns.
    """

    rows: Floats
    basis: Floats


def symmetric_eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, ascending and floored at zero, and eigenvectors of a positive semi-definite matrix."""
    values, vectors = eigh(matrix, check_finite=False, driver="evd")
    return np.maximum(values, 0.0), vectors


def _kept(values: Floats, side: int) -> Floats:
    limit = values[-1] * side * np.finfo(np.float64).eps if len(values) else 0.0
    return np.asarray(values > max(limit, 1e-290))


def row_space_of_gram(gram: Floats) -> RowSpace:
    """The row space of a matrix whose rows have those inner products.

    Args:
        gram: float64 [sample, sample].

    Returns:
        Left singular vectors and squared singular values.
    """
    values, vectors = symmetric_eigen(gram)
    kept = _kept(values, len(gram))
    return RowSpace(vectors[:, kept], values[kept])


def row_space(matrix: Floats) -> RowSpace:
    """Left singular vectors and squared singular values of a matrix.

    Args:
        matrix: float [sample, feature].

    Returns:
        They, in float64, without the null space.
    """
    exact = np.asarray(matrix, np.float64)
    if exact.shape[0] <= exact.shape[1]:
        return row_space_of_gram(exact @ exact.T)
    values, right = symmetric_eigen(exact.T @ exact)
    kept = _kept(values, max(exact.shape))
    return RowSpace(exact @ (right[:, kept] / np.sqrt(values[kept])), values[kept])


def rotated(matrix: Floats) -> Rotation:
    """The rows in an orthonormal basis of the space they span; distances and inner products stay.

    Args:
        matrix: float [sample, feature], centered.

    Returns:
        Rows of min(sample, feature) coordinates or fewer, and the basis.
    """
    exact: Floats = np.asarray(matrix, np.float64) if max(matrix.shape) <= EXACT_SIDE else np.asarray(matrix, np.float32)
    if exact.shape[0] <= exact.shape[1]:
        left, values = row_space_of_gram(np.asarray(exact @ exact.T, np.float64))
        basis = np.asarray(exact.T @ np.asarray(left / np.sqrt(values), exact.dtype))
        return Rotation(np.asarray(left * np.sqrt(values), exact.dtype), basis)
    values, right = symmetric_eigen(chunked_gram(exact))
    basis = np.asarray(right[:, _kept(values, max(exact.shape))], exact.dtype)
    return Rotation(exact @ basis, basis)


def chunked_gram(matrix: Floats) -> Floats:
    """The product matrix' matrix, float64 [feature, feature], read by chunks of rows and summed in float64."""
    width = matrix.shape[1]
    total = np.zeros((width, width))
    for start in range(0, len(matrix), CHUNK_ROWS):
        chunk = np.asarray(matrix[start : start + CHUNK_ROWS])
        total += chunk.T @ chunk
    return total


def shrinkage_intensity(rows: Floats, squared_norm: float, width: int) -> float:
    """How far Ledoit and Wolf move a sample covariance towards a multiple of the identity, in [0, 1].

    Args:
        rows: float [sample, feature], centered; a rotation of them gives the same answer.
        squared_norm: Squared Frobenius norm of rows' rows / N.
        width: Number of features of the covariance, also when `rows` are rotated into fewer.

    Returns:
        The intensity; 1 when the covariance is a multiple of the identity already.

    Reference: Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", JMVA 2004, section 3.2.
    """
    num = len(rows)
    lengths = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    scale = lengths.mean() / width
    distance = squared_norm / width - scale**2
    noise = (np.mean(lengths**2) - squared_norm) / (num * width)
    if distance <= 1e-12 * max(scale**2, 1e-290):
        return 1.0
    return float(np.clip(noise / distance, 0.0, 1.0))
