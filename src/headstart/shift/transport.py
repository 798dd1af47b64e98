"""Transport: source rows carried onto target rows at the least cost."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist

from headstart.core.errors import MissingExtraError
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.shift.subspaces import leading_directions

WITHOUT_POT = 'POT is not installed. Install it with `pip install "headstart[transport]"`.'
MOST_ROWS = 1_000
"""Rows of each domain in one transport problem: 8 MB of costs, a second or less. Other source rows move as the nearest does."""
MOST_STEPS = 200
NUM_PASSES = 5
SHARPNESS = 0.5
"""p of the penalty sum (mass of a class on a target row)^p, as in the paper."""
FEWEST = 1e-3
SEARCH_ROWS = 300
FLIPPED_AXES = 3
"""Leading directions whose signs are all tried."""
ENTROPIES = (0.5, 0.2, 0.1, 0.05, 0.05)


def check_transport() -> None:
    """Refuse to go on without the package that solves transport problems.

    Raises:
        MissingExtraError: POT is not installed.
    """
    if find_spec("ot") is None:
        raise MissingExtraError(WITHOUT_POT)


def some_rows(num: int, most: int, seed: int, side: str) -> Integers:
    """At most so many of the row numbers, drawn by the seed, ascending."""
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

    Raises:
        MissingExtraError: POT is not installed.

    Reference: Cuturi, "Sinkhorn Distances", NeurIPS 2013, algorithm 1; Bonneel et al., "Displacement interpolation", SIGGRAPH
        Asia 2011 (the exact solver).
    """
    check_transport()
    import ot  # noqa: PLC0415  an optional package

    ours, theirs = (np.full(num, 1.0 / num) for num in costs.shape)
    if entropy == 0:
        return np.asarray(ot.emd(ours, theirs, costs, numItermax=1_000_000))
    kept = {"numItermax": MOST_STEPS, "stopThr": 1e-6, "warn": False}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = np.asarray(ot.sinkhorn(ours, theirs, costs, entropy, method="sinkhorn", **kept))
    if np.isfinite(plan).all() and np.allclose(plan.sum(axis=1), ours, rtol=0.1):
        return plan
    return np.asarray(ot.sinkhorn(ours, theirs, costs, entropy, method="sinkhorn_log", **kept))


def class_plan(costs: Floats, labels: Integers, num_classes: int, entropy: float, weight: float) -> Floats:
    """As `plan_of`, but so that each target row gets mass from few classes.

    Args:
        costs: float64 [source, target], about 1.
        labels: int64 [source].
        num_classes: C.
        entropy: Weight of the plan's smoothness, above 0.
        weight: Weight of the penalty on mixed classes.

    Returns:
        float64 [source, target].

    Reference: Courty, Flamary & Tuia, "Domain Adaptation with Regularized Optimal Transport", ECML 2014, section 3.2 and
        algorithm 1; Courty et al., "Optimal Transport for Domain Adaptation", TPAMI 2017, section 4.2.
    Differs: class masses are taken relative to what a target row gets in all.
    """
    members = one_hot(labels, num_classes)
    penalties = np.zeros(costs.shape)
    for _ in range(NUM_PASSES):
        plan = plan_of(costs + weight * penalties, entropy)
        masses = members.T @ plan * costs.shape[1]
        penalties = members @ (SHARPNESS * (masses + FEWEST) ** (SHARPNESS - 1.0))
    return plan


def transported_rows(plan: Floats, target: Floats) -> Floats:
    """Where each source row goes: the mean of the target rows that it is carried to, float64 [source, axis]."""
    return np.asarray(plan @ target / np.maximum(plan.sum(axis=1, keepdims=True), 1e-290))


def extended(rows: Floats, chosen: Integers, moved: Floats) -> Floats:
    """All rows moved as some of them were: each other one by as much as the nearest of those.

    Args:
        rows: float64 [sample, axis].
        chosen: int64 [chosen sample].
        moved: float64 [chosen sample, axis]: where those went.

    Returns:
        float64 [sample, axis].

    Reference: Ferradans et al., "Regularized Discrete Optimal Transport", SIAM Journal on Imaging Sciences 2014, section 4.
    """
    if len(chosen) == len(rows):
        return moved
    steps = moved - rows[chosen]
    out = rows + 0.0
    for start in range(0, len(rows), MOST_ROWS):
        part = slice(start, start + MOST_ROWS)
        out[part] += steps[cdist(rows[part], rows[chosen], "sqeuclidean").argmin(axis=1)]
    out[chosen] = moved
    return out


def best_rotation(source: Floats, target: Floats, seed: int) -> Floats:
    """The orthogonal matrix after which centered source rows are carried onto centered target rows at the least cost.

    Plans and rotations are found in turn, from several starts: no rotation, the half turn, and the leading directions of one
    domain laid on those of the other with all choices of their signs.

    Args:
        source: float64 [source, axis], mean 0.
        target: float64 [target, axis], mean 0.
        seed: Of the rows that are looked at.

    Returns:
        float64 [axis, axis]; reflections are allowed.

    Reference: Alvarez-Melis, Jegelka & Jaakkola, "Towards Optimal Transport with Global Invariances", AISTATS 2019, algorithm 1.
    Differs: several starts instead of one convex relaxation; the exact cost chooses between them.
    """
    ours = source[some_rows(len(source), SEARCH_ROWS, seed, "source")]
    theirs = target[some_rows(len(target), SEARCH_ROWS, seed, "target")]
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
    signs = [np.append(given, np.ones(width - len(given))) for given in product((1.0, -1.0), repeat=min(width, FLIPPED_AXES))]
    return [np.eye(width), -np.eye(width), *((ours * one) @ theirs.T for one in signs)]
