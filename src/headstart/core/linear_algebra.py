"""Spectra of feature matrices, computed on the smaller side."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import ThreadpoolController

from headstart.core.rows import LazyRows, Rows, row_slices, squared_lengths
from headstart.core.types import Floats

EXACT_SIDE = 4096
"""Up to this side everything is float64; beyond it products are float32, summed in float64."""

ONE_THREAD_SIDE = 1024
"""Up to this side one thread is faster; see `symmetric_eigen`."""


class RowSpace(NamedTuple):
    """Left singular vectors [sample, rank] and squared singular values [rank], ascending, of a matrix without its null space."""

    left: Floats
    values: Floats


class Rotation(NamedTuple):
    """Rows in an orthonormal basis of the space that they span, [sample, rank], and that basis, [feature, rank]."""

    rows: Rows
    basis: Floats


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def symmetric_eigen(matrix: Floats, overwrite: bool = False) -> tuple[Floats, Floats]:
    """Eigenvalues, ascending and floored at zero, and eigenvectors of a positive semi-definite matrix.

    Up to a side of 1,024 one thread is used: several wait for each other as soon as another program runs. Medians on two cores
    that other programs used as well, one thread against two: 0.03 and 0.23 s at a side of 200, 0.05 and 0.16 s at 400, 0.18 and
    0.43 s at 700, 0.33 and 1.45 s at 1,000. On idle cores two threads took 1 to 0.87 times as long up to 400.

    Beyond a side of 4,096 LAPACK's relatively robust representations replace divide and conquer: a fifth slower at 3,000, with a
    workspace of one matrix and not three.

    Args:
        matrix: float [side, side].
        overwrite: Whether the matrix may be overwritten.

    Returns:
        float [side] and float [side, side], one eigenvector a column.
    """
    driver = "evd" if len(matrix) <= EXACT_SIDE else "evr"
    alone = _blas().limit(limits=1, user_api="blas") if len(matrix) <= ONE_THREAD_SIDE else nullcontext()
    with alone:
        values, vectors = eigh(matrix.T, check_finite=False, driver=driver, overwrite_a=overwrite)
    return np.maximum(values, 0.0), vectors


def _present(values: Floats, side: int) -> Floats:
    limit = values[-1] * side * np.finfo(np.float64).eps if len(values) else 0.0
    return np.asarray(values > max(limit, 1e-290))


def row_space_of_gram(gram: Floats) -> RowSpace:
    """The row space of a matrix whose rows have those inner products, float64 [sample, sample]."""
    values, vectors = symmetric_eigen(gram)
    present = _present(values, len(gram))
    return RowSpace(vectors[:, present], values[present])


def row_space(matrix: Floats) -> RowSpace:
    """Left singular vectors and squared singular values of a matrix [sample, feature], in float64, without the null space."""
    exact = np.asarray(matrix, np.float64)
    if exact.shape[0] <= exact.shape[1]:
        return row_space_of_gram(exact @ exact.T)
    values, right = symmetric_eigen(exact.T @ exact)
    present = _present(values, max(exact.shape))
    return RowSpace(exact @ (right[:, present] / np.sqrt(values[present])), values[present])


def rotated(matrix: Rows) -> Rotation:
    """Centered rows [sample, feature] in an orthonormal basis of the space they span, of min(sample, feature) coordinates or
    fewer.

    Distances and inner products stay. Lazy rows are not changed: there are more of them than features, and rotating them at each
    read would cost most of the time.
    """
    if isinstance(matrix, LazyRows):
        return Rotation(matrix, np.eye(matrix.shape[1], dtype=matrix.dtype))
    exact: Floats = np.asarray(matrix, np.float64) if max(matrix.shape) <= EXACT_SIDE else np.asarray(matrix, np.float32)
    if exact.shape[0] <= exact.shape[1]:
        left, values = row_space_of_gram(np.asarray(exact @ exact.T, np.float64))
        basis = np.asarray(exact.T @ np.asarray(left / np.sqrt(values), exact.dtype))
        return Rotation(np.asarray(left * np.sqrt(values), exact.dtype), basis)
    values, right = symmetric_eigen(chunked_gram(exact))
    basis = np.asarray(right[:, _present(values, max(exact.shape))], exact.dtype)
    return Rotation(exact @ basis, basis)


def chunked_gram(matrix: Rows) -> Floats:
    """The product matrix' matrix, float64 [feature, feature], read by chunks of rows and summed in float64."""
    width = matrix.shape[1]
    total = np.zeros((width, width))
    for part in row_slices(len(matrix)):
        chunk = np.asarray(matrix[part])
        total += chunk.T @ chunk
    return total


def shrinkage_intensity(rows: Rows, squared_norm: float, width: int) -> float:
    """The shrinkage intensity of Ledoit and Wolf for a sample covariance and a multiple of the identity, in [0, 1].

    scikit-learn's `ledoit_wolf_shrinkage` gives the same value but for its last digits, needs all rows in memory, and multiplies
    them again: 39 ms instead of 4 ms, product included, for 2,003 rows of 256 features.

    Args:
        rows: float [sample, feature], centered; a rotation of them gives the same value.
        squared_norm: Squared Frobenius norm of rows' rows / N.
        width: Number of features of the covariance, also when `rows` are rotated into fewer.

    Returns:
        The intensity; 1 when the covariance is a multiple of the identity already.

    Reference: Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", JMVA 2004, section 3.2.
    """
    num = len(rows)
    lengths = squared_lengths(rows)
    scale = lengths.mean() / width
    distance = squared_norm / width - scale**2
    noise = (np.mean(lengths**2) - squared_norm) / (num * width)
    if distance <= 1e-12 * max(scale**2, 1e-290):
        return 1.0
    return float(np.clip(noise / distance, 0.0, 1.0))
