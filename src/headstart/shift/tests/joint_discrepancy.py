"""Joint gap: how far features and classes together are from those of the source, once an affine map has been taken off."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.linear_algebra import shrinkage_intensity
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.shift.moments import Moments, monge_matrix, transported
from headstart.shift.random_features import RandomFeatures


def joint_discrepancy(source: Floats, labels: Integers, target: Floats, probs: Floats, seed: int, *, moved: bool = True) -> float:
    """Squared distance of the joint distributions of features and classes of two domains, if target rows had those classes.

    Source rows are weighted so that classes are as frequent as in the target, and carried over by a shift of the mean or by the
    linear Monge map, whichever leaves less: what a right adaptation may change is taken off, and what it may not is left.

    Args:
        source: float [source, axis].
        labels: int64 [source].
        target: float [target, axis].
        probs: Class probabilities of target rows, float [target, class].
        seed: Of the random features.
        moved: Whether source rows may be carried over; else they stay where they are.

    Returns:
        About 0 where the classes fit; without the bias of its square, so that it may be slightly below.

    Reference: the kernel on pairs is that of Zhang et al., "Domain Adaptation under Target and Conditional Shift", ICML 2013,
        section 3; the idea to judge labels by the joint distribution is that of Courty et al., "Joint distribution optimal
        transportation for domain adaptation", NeurIPS 2017.
    Differs: random features take the place of kernels.
    """
    features = RandomFeatures.of(target, seed)
    truth = one_hot(labels, probs.shape[1])
    counts = truth.sum(axis=0)
    weights = (probs.mean(axis=0) / np.maximum(counts, 1.0))[labels]
    if weights.sum() <= 0:
        return float("inf")
    weights = weights / weights.sum()
    before, after = _moments(source, weights), _moments(target, np.full(len(target), 1.0 / len(target)))
    there = _means(features(target), probs / len(target))
    joint = truth * weights[:, None]
    if not moved:
        return _square(_means(features(source), joint), there)
    matrices = np.eye(source.shape[1]), monge_matrix(before.covariance, after.covariance)
    return min(_square(_means(features(transported(source, before, after, one)), joint), there) for one in matrices)


def _moments(rows: Floats, weights: Floats) -> Moments:
    mean = weights @ rows
    centered = (rows - mean) * np.sqrt(weights * len(rows))[:, None]
    covariance = centered.T @ centered / len(rows)
    width = rows.shape[1]
    intensity = shrinkage_intensity(centered, float((covariance**2).sum()), width)
    return Moments(mean, (1.0 - intensity) * covariance + intensity * np.trace(covariance) / width * np.eye(width))


class _Means(NamedTuple):
    """Class sums of weighted features, and their squared lengths without what each row adds by itself."""

    sums: Floats
    squares: Floats


def _means(features: Floats, weights: Floats) -> _Means:
    sums, squared = weights.T @ features, weights**2
    own = (features**2).sum(axis=1) @ squared
    total = weights.sum(axis=0) ** 2
    pairs = total - squared.sum(axis=0)
    scale = np.divide(total, pairs, out=np.zeros_like(total), where=pairs > 1e-12 * np.maximum(total, 1e-300))
    return _Means(sums, ((sums**2).sum(axis=1) - own) * scale)


def _square(one: _Means, other: _Means) -> float:
    return float((one.squares + other.squares).sum() - 2.0 * (one.sums * other.sums).sum())
