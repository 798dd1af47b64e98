"""Shift hypothesis: how the source would look in the target if one thing alone had changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.shift.moments import monge_transported
from headstart.shift.shared_mixture import fit_shared_mixture
from headstart.shift.transport import best_rotation

Change = Literal["nothing", "class shares", "source weights", "features", "rotation"]
"""What may have changed: nothing; the frequencies of classes (label shift); those of rows within classes (covariate shift); the
features, by an affine map; or the features, by one rotation or reflection."""
NUM_HALVES = 4
"""Random halves of the rows on which a rotation is searched again, to see whether it is the only one that fits."""
STABLE_SHARE = 0.8
"""Share of target rows whose nearest rotated source row must keep its class on every half. Chosen, not measured; an equilateral
triangle with equal class shares, which fits in several ways, must be rejected."""
LEAST_EFFECTIVE = 100
"""Least effective number of weighted source rows (Kish): few rows are easily made to resemble a target. Of 40 generated shifts,
covariate shifts had 163 to 241 of them, mirrored targets, which weights must not explain, 18 to 66 of 1,200 to 2,400 rows."""
MIXTURE_AXES = 16
"""Axes of the mixture that weights source rows, as in the method `shared_mixture`."""


class Hypothesis(NamedTuple):
    """Source rows as the target would show them.

    Attributes:
        rows: float64 [source, axis].
        weights: float64 [source]; only their proportions count, and all are 0 where the change cannot be the only one.
    """

    rows: Floats
    weights: Floats


class Domains(NamedTuple):
    """What a hypothesis is made from.

    Attributes:
        source: float64 [source, axis].
        labels: int64 [source].
        target: float64 [target, axis].
        num_classes: C.
        seed: Of everything drawn.
    """

    source: Floats
    labels: Integers
    target: Floats
    num_classes: int
    seed: int


def nothing_changed(domains: Domains, probs: Floats) -> Hypothesis:
    """The source as it is."""
    return Hypothesis(domains.source, np.ones(len(domains.source)))


def class_shares_changed(domains: Domains, probs: Floats) -> Hypothesis:
    """Source rows weighted to the class shares of predictions for the target, float [target, class]."""
    counts = np.bincount(domains.labels, minlength=domains.num_classes)
    return Hypothesis(domains.source, np.asarray((probs.mean(axis=0) / np.maximum(counts, 1))[domains.labels]))


def source_weights_changed(domains: Domains, probs: Floats) -> Hypothesis:
    """Source rows weighted by a mixture whose components are common to both domains; see `fit_shared_mixture`.

    The weights are 0 where fewer than `LEAST_EFFECTIVE` rows would carry them.
    """
    source, target = domains.source[:, :MIXTURE_AXES], domains.target[:, :MIXTURE_AXES]
    unknown = np.full(len(target), UNLABELED, np.int64)
    mixture = fit_shared_mixture(source, domains.labels, target, unknown, domains.num_classes, domains.seed)
    weights = mixture.source_weights
    effective = float(weights.sum()) ** 2 / max(float((weights**2).sum()), 1e-300)
    return Hypothesis(domains.source, weights if effective >= LEAST_EFFECTIVE else np.zeros(len(weights)))


def features_changed(domains: Domains, probs: Floats) -> Hypothesis:
    """Source rows of the predicted class shares, moved by the linear Monge map to the target's mean and covariance."""
    weights = class_shares_changed(domains, probs).weights
    moved = monge_transported(domains.source, domains.target, weights) if weights.sum() > 0 else domains.source
    return Hypothesis(moved, weights)


def rotated(domains: Domains, probs: Floats) -> Hypothesis:
    """Source rows rotated or reflected about their mean, and moved to the target's mean, so that they fit the target best.

    The weights are 0 where rotations found on halves of the rows name target rows otherwise: a symmetric shape fits in several
    ways.
    """
    rows = rotated_source(domains.source, domains.target, domains.seed)
    weights = class_shares_changed(domains, probs).weights
    return Hypothesis(rows, weights if _is_stable(domains, rows) else np.zeros(len(rows)))


HYPOTHESES: Mapping[Change, Callable[[Domains, Floats], Hypothesis]] = {
    "nothing": nothing_changed,
    "class shares": class_shares_changed,
    "source weights": source_weights_changed,
    "features": features_changed,
    "rotation": rotated,
}


def rotated_source(source: Floats, target: Floats, seed: int) -> Floats:
    """Source rows rotated or reflected about their mean, and moved to the target's mean, so that they fit the target best."""
    return _rotated(source, target, np.arange(len(source)), np.arange(len(target)), seed)


def _rotated(source: Floats, target: Floats, here: Integers, there: Integers, seed: int) -> Floats:
    """All source rows, by the rotation that fits the rows `here` of the source to the rows `there` of the target best."""
    ours, theirs = source[here].mean(axis=0), target[there].mean(axis=0)
    return np.asarray((source - ours) @ best_rotation(source[here] - ours, target[there] - theirs, seed) + theirs)


def _is_stable(domains: Domains, rows: Floats) -> bool:
    """Whether rotations found on random halves give target rows the same classes."""
    from sklearn.metrics import pairwise_distances_argmin  # noqa: PLC0415  slow to import, and for rotations alone

    source, labels, target, _, seed = domains
    generator = generator_for(seed, "halves")
    known = labels[pairwise_distances_argmin(target, rows)]
    for _ in range(NUM_HALVES):
        here, there = (generator.permutation(len(one))[: len(one) // 2] for one in (source, target))
        moved = _rotated(source, target, here, there, seed)
        if (labels[pairwise_distances_argmin(target, moved)] == known).mean() < STABLE_SHARE:
            return False
    return True
