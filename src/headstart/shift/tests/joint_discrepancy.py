"""Joint discrepancy: distance of the joint distributions of features and classes of two domains, up to an affine map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.shift.moments import Moments, monge_matrix, shrunk_covariance, transported
from headstart.shift.random_features import RandomFeatures


def joint_discrepancy(
    source: Floats, labels: Integers, target: Floats, probs: Floats, seeds: Sequence[int], *, moved: bool = True
) -> float:
    """Squared distance of the joint distributions of features and classes, if target rows had those class probabilities.

    Source rows are weighted to the target's class frequencies and transported by a shift of the mean or by the linear Monge map,
    whichever leaves less; with `moved` False they stay. So what adaptation may change is removed, and wrong classes remain. The
    value is about 0 where the classes fit; its bias is subtracted, so that it may be slightly negative.

    `source` is [source, axis], `labels` int64 [source], `target` [target, axis], `probs` [target, class]. The value is the mean
    over draws of random features, one for each of the `seeds`.

    Reference: the kernel on pairs is that of Zhang et al., "Domain Adaptation under Target and Conditional Shift", ICML 2013,
        section 3; the idea to judge labels by the joint distribution is that of Courty et al., "Joint distribution optimal
        transportation for domain adaptation", NeurIPS 2017.
    Differs: random features take the place of kernels.
    """
    truth = one_hot(labels, probs.shape[1])
    counts = truth.sum(axis=0)
    weights = (probs.mean(axis=0) / np.maximum(counts, 1.0))[labels]
    if weights.sum() <= 0:
        return float("inf")
    weights = weights / weights.sum()
    joint = truth * weights[:, None]
    sources = _transported(source, weights, target) if moved else [source]
    gaps = []
    for seed in seeds:
        features = RandomFeatures.of(target, seed)
        there = _class_means(features(target), probs / len(target))
        gaps.append(min(_squared_distance(_class_means(features(rows), joint), there) for rows in sources))
    return float(np.mean(gaps))


def _transported(source: Floats, weights: Floats, target: Floats) -> list[Floats]:
    """Weighted source rows with the target's mean, and those with its covariance as well."""
    before, after = _moments(source, weights), _moments(target, np.full(len(target), 1.0 / len(target)))
    matrices = np.eye(source.shape[1]), monge_matrix(before.covariance, after.covariance)
    return [transported(source, before, after, one) for one in matrices]


def _moments(rows: Floats, weights: Floats) -> Moments:
    mean = weights @ rows
    return Moments(mean, shrunk_covariance((rows - mean) * np.sqrt(weights * len(rows))[:, None]))


class _ClassMeans(NamedTuple):
    """Class sums of weighted features, and their squared lengths without what each row adds by itself."""

    sums: Floats
    squares: Floats


def _class_means(features: Floats, weights: Floats) -> _ClassMeans:
    sums, squared = weights.T @ features, weights**2
    own = (features**2).sum(axis=1) @ squared
    total = weights.sum(axis=0) ** 2
    pairs = total - squared.sum(axis=0)
    scale = np.divide(total, pairs, out=np.zeros_like(total), where=pairs > 1e-12 * np.maximum(total, 1e-300))
    return _ClassMeans(sums, ((sums**2).sum(axis=1) - own) * scale)


def _squared_distance(one: _ClassMeans, other: _ClassMeans) -> float:
    return float((one.squares + other.squares).sum() - 2.0 * (one.sums * other.sums).sum())
