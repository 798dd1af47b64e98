"""Dataset distance: the cost of transporting one labeled data set to another."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
from scipy.spatial.distance import cdist

from headstart.core.errors import DataError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import compact
from headstart.shift.transport import MOST_ROWS

MOST_BLOCKS = 4
"""Pairs of blocks, of `MOST_ROWS` rows a side, that are averaged where there are more rows. Chosen, not measured."""
LEAST_VARIANCE = 1e-12
"""Smaller eigenvalues of a class's covariance are rounding and count as zero."""


def dataset_distance(source: Floats, source_labels: Integers, target: Floats, target_labels: Integers, seed: int) -> float:
    """The optimal-transport distance of two labeled data sets; classes need not correspond.

    Rows are near where their features are near and where their classes, taken as Gaussians, are near. Reduce wide features to
    some dozens first: each pair of classes takes an eigendecomposition.

    Args:
        source: float [source, feature].
        source_labels: int64 [source].
        target: float [target, feature].
        target_labels: int64 [target].
        seed: Of the blocks.

    Returns:
        The square root of the mean cost of a row, in units of the features.

    Raises:
        DataError: A data set has no rows.

    Reference: Alvarez-Melis & Fusi, "Geometric dataset distances via optimal transport", NeurIPS 2020, eqs. 5 and 6.
    Differs: above 1,000 rows a side, the mean over up to four pairs of blocks of random rows, which comes out somewhat larger.
    """
    if not min(len(source), len(target)):
        raise DataError(f"A distance of data sets needs rows on both sides, and these have {len(source)} and {len(target)}.")
    import ot  # noqa: PLC0415  slow to import

    between = class_distances(source, source_labels, target, target_labels)
    num_blocks = -(-max(len(source), len(target)) // MOST_ROWS)
    blocks = zip(_blocks(len(source), num_blocks, seed, "source"), _blocks(len(target), num_blocks, seed, "target"), strict=True)
    costs = []
    for mine, theirs in islice(blocks, MOST_BLOCKS):
        cost = cdist(source[mine], target[theirs], "sqeuclidean")
        cost += between[np.ix_(compact(source_labels)[mine], compact(target_labels)[theirs])]
        shares = np.full(len(mine), 1.0 / len(mine)), np.full(len(theirs), 1.0 / len(theirs))
        costs.append(float(ot.emd2(*shares, cost)))
    return math.sqrt(max(sum(costs) / len(costs), 0.0))


def class_distances(source: Floats, source_labels: Integers, target: Floats, target_labels: Integers) -> Floats:
    """Squared 2-Wasserstein distances of classes taken as Gaussians, float64 [source class, target class]; classes with rows.

    Reference: Dowson & Landau, "The Fréchet distance between multivariate normal distributions", J. Multivariate Anal. 1982.
    """
    first, second = _gaussians(source, source_labels), _gaussians(target, target_labels)
    found = np.empty((len(first), len(second)))
    for row, (mean, root, trace) in enumerate(first):
        for column, (other_mean, other_root, other_trace) in enumerate(second):
            # The nuclear norm of the product of the roots is the trace of (S1^1/2 S2 S1^1/2)^1/2.
            varied = min(trace, other_trace) > 0
            shared = float(np.linalg.svd(root @ other_root, compute_uv=False).sum()) if varied else 0.0
            found[row, column] = ((mean - other_mean) ** 2).sum() + max(trace + other_trace - 2.0 * shared, 0.0)
    return found


def _gaussians(rows: Floats, labels: Integers) -> list[tuple[Floats, Floats, float]]:
    """Mean, square root of the covariance and its trace, class by class; the covariance of a single row is zero."""
    found = []
    for label in np.unique(labels):
        own = np.asarray(rows[labels == label], np.float64)
        mean = own.mean(axis=0)
        covariance = (own - mean).T @ (own - mean) / max(len(own) - 1, 1)
        values, vectors = np.linalg.eigh(covariance)
        variances = np.where(values > LEAST_VARIANCE, values, 0.0)
        found.append((mean, (vectors * np.sqrt(variances)) @ vectors.T, float(variances.sum())))
    return found


def _blocks(num_rows: int, num_blocks: int, seed: int, side: str) -> list[Integers]:
    """The rows in random order, cut into blocks; rows are repeated where there are fewer rows than blocks."""
    order = generator_for(seed, "dataset distance", side).permutation(num_rows)
    if num_blocks == 1:
        return [order]
    tiled = np.resize(order, max(num_rows, num_blocks))
    return [part[:MOST_ROWS] for part in np.array_split(tiled, num_blocks)]
