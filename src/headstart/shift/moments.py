"""Affine maps that give source rows the moments of target rows: x -> (x - source mean) @ matrix + target mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.linear_algebra import shrinkage_intensity, symmetric_eigen
from headstart.core.types import Floats

SMALLEST = 1e-10
"""Variances below this share of the largest one are floored there, so that constant directions are not amplified."""


class Moments(NamedTuple):
    """Mean float64 [axis] and covariance float64 [axis, axis] of rows."""

    mean: Floats
    covariance: Floats


def moments_of(rows: Floats, weights: Floats | None = None, *, shrunk: bool = True) -> Moments:
    """Mean and covariance, by the number of rows, of rows float64 [sample, axis] with weights float64 [sample], equal by default.

    A shrunk covariance moves toward a multiple of the identity, as far as Ledoit and Wolf say; it is positive definite where rows
    differ. Only the proportions of the weights count.
    """
    if weights is None:
        mean = rows.mean(axis=0)
        centered = rows - mean
    else:
        shares = weights / weights.sum()
        mean = shares @ rows
        centered = (rows - mean) * np.sqrt(shares * len(rows))[:, None]
    return Moments(mean, _shrunk_covariance(centered) if shrunk else centered.T @ centered / len(rows))


def _shrunk_covariance(centered: Floats) -> Floats:
    """The covariance of centered rows, moved toward a multiple of the identity as in `shrinkage_intensity`."""
    width = centered.shape[1]
    covariance = centered.T @ centered / len(centered)
    intensity = shrinkage_intensity(centered, float((covariance**2).sum()), width)
    return np.asarray((1.0 - intensity) * covariance + intensity * np.trace(covariance) / width * np.eye(width))


def power_of(covariance: Floats, exponent: float) -> Floats:
    """A symmetric positive semi-definite matrix to a power, float64 [axis, axis]."""
    values, vectors = symmetric_eigen(covariance)
    floored = np.maximum(values, max(SMALLEST * values[-1], 1e-290))
    return np.asarray((vectors * floored**exponent) @ vectors.T)


def coral_matrix(source: Floats, target: Floats) -> Floats:
    """The matrix that whitens by one covariance and colors by another: A = C_s^-1/2 C_t^1/2, so that A' C_s A = C_t.

    In general it is not symmetric.

    Reference: Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016, algorithm 1.
    Differs: variances are floored by a small share of the largest one, where the paper adds the identity.
    """
    return power_of(source, -0.5) @ power_of(target, 0.5)


def monge_matrix(source: Floats, target: Floats) -> Floats:
    """The symmetric matrix that turns one covariance into another: optimal transport between Gaussians.

    A = C_s^-1/2 (C_s^1/2 C_t C_s^1/2)^1/2 C_s^-1/2, so that A C_s A = C_t. Of all matrices that do, it moves rows least.

    Reference: Flamary, Lounici & Ferrari, "Concentration bounds for linear Monge mapping estimation and optimal transport domain
        adaptation", 2019, eq. 5; Peyre & Cuturi, "Computational Optimal Transport", 2019, remark 2.31.
    """
    root, inverse = power_of(source, 0.5), power_of(source, -0.5)
    matrix = inverse @ power_of(root @ target @ root, 0.5) @ inverse
    return np.asarray(0.5 * (matrix + matrix.T))


def transported(rows: Floats, source: Moments, target: Moments, matrix: Floats) -> Floats:
    """(rows - source mean) @ matrix + target mean, float64 [sample, axis]."""
    return np.asarray((rows - source.mean) @ matrix + target.mean)


def monge_transported(source: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """Source rows moved by the linear Monge map from their weighted moments to those of target rows, float64 [source, axis]."""
    before, after = moments_of(source, weights), moments_of(target)
    return transported(source, before, after, monge_matrix(before.covariance, after.covariance))
