"""Joint discrepancy: how far the joint distribution of features and classes of a target is from that of weighted source rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaincc

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.shift.random_features import RandomFeatures


def joint_discrepancy(
    source: Floats, weights: Floats, labels: Integers, target: Floats, probs: Floats, seeds: Sequence[int]
) -> float:
    """Squared distance of the joint distributions of features and classes, as a multiple of what chance leaves.

    About 1, or less where the source rows were fitted to the target rows, if the weighted source rows of each class and the
    target rows have one distribution and target rows have those class probabilities; larger for other classes. The class shares
    of the source count as given: where they are drawn as well, and not fitted to the target, about 1.2. Infinite where no source
    row has weight. Classes of a single source row add nothing to what chance leaves.

    Args:
        source: float [source, axis].
        weights: Of the source rows, at least 0, float [source]; only their proportions count.
        labels: int64 [source].
        target: float [target, axis].
        probs: Class probabilities of the target rows, float [target, class].
        seeds: Of the draws of random features, over which distances are summed: one draw errs as much as candidates differ.

    Returns:
        The distance over its expectation.

    Reference: the kernel on pairs of features and classes is that of Zhang, Schoelkopf, Muandet & Wang, "Domain Adaptation under
        Target and Conditional Shift", ICML 2013, section 3; that labels can be compared by the joint distribution is the idea of
        Courty et al., "Joint distribution optimal transportation for domain adaptation", NeurIPS 2017.
    Differs: random features take the place of kernels. The expectation is that of a bootstrap which multiplies the deviation of
        each row from the mean of its class, for source rows, or of all rows, for target rows, by a standard normal number;
        deviations within a class are scaled to be unbiased.
    """
    total = weights.sum()
    if not (np.isfinite(total) and total > 0):
        return float("inf")
    shares, given = weights / total, probs / len(target)
    joint = one_hot(labels, probs.shape[1]) * shares[:, None]
    class_shares = np.maximum(joint.sum(axis=0), 1e-300)
    scale = _unbiased(shares, labels, class_shares)
    squared = expected = 0.0
    for seed in seeds:
        features = RandomFeatures.of(target, seed)
        here, there = features(source), features(target)
        ours, theirs = joint.T @ here, given.T @ there
        squared += float(((ours - theirs) ** 2).sum())
        deviations = ((here - (ours / class_shares[:, None])[labels]) ** 2).sum(axis=1)
        expected += float((shares * scale) ** 2 @ deviations)
        expected += float((given**2).sum(axis=1) @ (there**2).sum(axis=1) - (theirs**2).sum() / len(target))
    return squared / max(expected, 1e-300)


def joint_p_value(
    ratio: float, source: Floats, weights: Floats, labels: Integers, target: Floats, probs: Floats, seeds: Sequence[int]
) -> float:
    """The p-value of a joint discrepancy of that ratio; the other arguments are those of `joint_discrepancy`.

    Where source rows were fitted to the target rows it is too large. 0 where no source row has weight.

    Reference: Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics 1946, for a gamma
        distribution with the first two moments of the bootstrap's distance.
    """
    total = weights.sum()
    if not (np.isfinite(total) and total > 0):
        return 0.0
    shares, given, truth = weights / total, probs / len(target), one_hot(labels, probs.shape[1])
    class_shares = np.maximum(truth.T @ shares, 1e-300)
    scaled = shares * _unbiased(shares, labels, class_shares)
    ours, theirs, cross = (np.zeros(shape) for shape in ((len(source),) * 2, (len(target),) * 2, (len(source), len(target))))
    for seed in seeds:
        features = RandomFeatures.of(target, seed)
        here, there = features(source), features(target)
        means = ((truth * shares[:, None]).T @ here / class_shares[:, None])[labels]
        deviations = (here - means) * scaled[:, None]
        ours += deviations @ deviations.T
        theirs += there @ there.T
        cross += deviations @ there.T
    ours *= labels[:, None] == labels
    theirs *= given @ given.T
    theirs += theirs.mean() - theirs.mean(axis=0) - theirs.mean(axis=1, keepdims=True)
    cross *= given.T[labels]
    cross -= cross.mean(axis=1, keepdims=True)
    mean = float(np.trace(ours) + np.trace(theirs))
    variance = max(2.0 * float((ours**2).sum() + (theirs**2).sum() + 2.0 * (cross**2).sum()), 1e-300)
    return float(gammaincc(mean**2 / variance, ratio * mean**2 / variance))


def _unbiased(shares: Floats, labels: Integers, class_shares: Floats) -> Floats:
    """Factors on deviations from the mean of a class, float64 [source]: the root of n / (n - 1) for n rows of equal weight."""
    squares = np.bincount(labels, (shares / class_shares[labels]) ** 2, minlength=len(class_shares))
    rest = 1.0 - squares[labels]
    return np.asarray(np.where(rest > 1e-9, 1.0 / np.sqrt(np.maximum(rest, 1e-9)), 0.0))
