"""Optimal transport: source rows moved to target rows at the least cost."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist

from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.shift.subspaces import leading_directions

MOST_ROWS = 1_000
"""Rows of each domain in one transport problem: 8 MB of costs, a second or less. Other source rows move as the nearest does."""
MOST_ITERATIONS = 200
"""Of Sinkhorn's algorithm. Chosen, not measured."""
NUM_PASSES = 5
"""Linearizations of the class penalty; POT takes up to 10. Chosen, not measured."""
PENALTY_POWER = 0.5
"""p of the penalty sum (mass of a class on a target row)^p, as in the paper."""
PENALTY_OFFSET = 1e-3
"""Added to masses so that the penalty's slope is finite, as in POT."""
ROTATION_ROWS = 300
"""Rows of each domain that a rotation is fitted to: each of its ten starts solves six transport problems. Chosen, not
measured."""
SIGNED_AXES = 3
"""Leading directions whose signs are all tried: with more, the starts double with each. Chosen, not measured."""
ENTROPIES = (0.5, 0.2, 0.1, 0.05, 0.05)
"""Weights of the plan's smoothness while a rotation is fitted: annealed, so that the first ones do not decide. Chosen, not
measured."""


def some_rows(num: int, most: int, seed: int, side: str) -> Integers:
    """At most `most` of the rows of one domain, ascending int64, as all methods of optimal transport draw them."""
    return random_rows(num, most, generator_for(seed, "transport", side))


def scaled_costs(source: Floats, target: Floats) -> Floats:
    """Squared distances over their mean, float64 [source, target]; zeros where all are."""
    costs = cdist(source, target, "sqeuclidean")
    mean = costs.mean()
    return np.asarray(costs / mean if mean > 0 else costs)


def plan_of(costs: Floats, entropy: float) -> Floats:
    """How much of each source row goes to each target row at the least cost.

    Args:
        costs: float64 [source, target], about 1.
        entropy: Weight of the plan's smoothness; 0 for the exact optimum.

    Returns:
        float64 [source, target], at least 0; rows sum to 1 / source, and columns to 1 / target.

    Reference: Cuturi, "Sinkhorn Distances", NeurIPS 2013, algorithm 1; Bonneel et al., "Displacement interpolation", SIGGRAPH
        Asia 2011 (the exact solver).
    """
    import ot  # noqa: PLC0415  slow to import

    ours, theirs = (np.full(num, 1.0 / num) for num in costs.shape)
    if entropy == 0:
        return np.asarray(ot.emd(ours, theirs, costs, numItermax=1_000_000))
    options = {"numItermax": MOST_ITERATIONS, "stopThr": 1e-6, "warn": False}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = np.asarray(ot.sinkhorn(ours, theirs, costs, entropy, method="sinkhorn", **options))
    if np.isfinite(plan).all() and np.allclose(plan.sum(axis=1), ours, rtol=0.1):
        return plan
    return np.asarray(ot.sinkhorn(ours, theirs, costs, entropy, method="sinkhorn_log", **options))


def class_plan(costs: Floats, labels: Integers, num_classes: int, entropy: float, weight: float) -> Floats:
    """As `plan_of`, with a penalty of that weight on target rows that get mass from several classes, labels int64 [source].

    POT's `SinkhornLpl1Transport` took four times as long with 1,000 rows a side (3.3 s against 0.9 s) and has no solver in the
    logarithm to fall back on; its penalty is weaker the more target rows there are, since its masses are not relative.

    Reference: Courty, Flamary & Tuia, "Domain Adaptation with Regularized Optimal Transport", ECML 2014, section 3.2 and
        algorithm 1; Courty et al., "Optimal Transport for Domain Adaptation", TPAMI 2017, section 4.2.
    Differs: class masses are taken relative to what a target row gets in all.
    """
    members = one_hot(labels, num_classes)
    penalties = np.zeros(costs.shape)
    for _ in range(NUM_PASSES):
        plan = plan_of(costs + weight * penalties, entropy)
        masses = members.T @ plan * costs.shape[1]
        penalties = members @ (PENALTY_POWER * (masses + PENALTY_OFFSET) ** (PENALTY_POWER - 1.0))
    return plan


def transported_rows(plan: Floats, target: Floats) -> Floats:
    """The barycenter of the target rows that each source row goes to, float64 [source, axis]."""
    return np.asarray(plan @ target / np.maximum(plan.sum(axis=1, keepdims=True), 1e-290))


def extended(rows: Floats, chosen: Integers, moved: Floats) -> Floats:
    """All rows [sample, axis] moved, where the `chosen` ones go to `moved`, and each other by as much as the nearest of those.

    Reference: Ferradans et al., "Regularized Discrete Optimal Transport", SIAM Journal on Imaging Sciences 2014, section 4.
    """
    if len(chosen) == len(rows):
        return moved
    from sklearn.metrics import pairwise_distances_argmin  # noqa: PLC0415  slow to import, and for many rows alone

    out = np.asarray(rows + (moved - rows[chosen])[pairwise_distances_argmin(rows, rows[chosen])])
    out[chosen] = moved
    return out


def best_rotation(source: Floats, target: Floats, seed: int) -> Floats:
    """The orthogonal matrix [axis, axis] after which source rows are transported to target rows at the least cost.

    Both are float64 [sample, axis] with mean 0; reflections are allowed. Plans and rotations are found in turn, from several
    starts: no rotation, the point reflection, and the principal axes of one domain aligned with those of the other with all
    choices of the leading signs.

    Reference: Alvarez-Melis, Jegelka & Jaakkola, "Towards Optimal Transport with Global Invariances", AISTATS 2019, algorithm 1.
    Differs: several starts instead of one convex relaxation; the exact cost chooses between them.
    """
    ours = source[some_rows(len(source), ROTATION_ROWS, seed, "source")]
    theirs = target[some_rows(len(target), ROTATION_ROWS, seed, "target")]
    found = []
    for start in _starts(source, target):
        matrix = start
        for entropy in ENTROPIES:
            left, _, right = np.linalg.svd(ours.T @ plan_of(scaled_costs(ours @ matrix, theirs), entropy) @ theirs)
            matrix = left @ right
        costs = cdist(ours @ matrix, theirs, "sqeuclidean")
        found.append((float((plan_of(costs, 0) * costs).sum()), matrix))
    return min(found, key=lambda one: one[0])[1]


def _starts(source: Floats, target: Floats) -> list[Floats]:
    width = source.shape[1]
    ours, theirs = leading_directions(source, width), leading_directions(target, width)
    signs = [np.append(given, np.ones(width - len(given))) for given in product((1.0, -1.0), repeat=min(width, SIGNED_AXES))]
    return [np.eye(width), -np.eye(width), *((ours * one) @ theirs.T for one in signs)]
