"""Density ratio of target to source at source rows, estimated in three ways."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats
from headstart.heads.kernel_map import gaussian, median_square
from headstart.heads.logistic import fit_logistic
from headstart.heads.out_of_fold import NUM_FOLDS, inner_folds
from headstart.shift.label_shift import mixture_shares

NUM_CENTERS = 100
"""b in the experiments of the paper on KLIEP."""
WIDTHS = (0.05, 0.2, 1.0)
"""Squared kernel widths that are tried, as multiples of the median squared distance. Chosen, not measured; the likelihood of
left-out target rows decides."""
MOST_ROWS = 2_000
"""Rows of each domain in kernel mean matching; others get the weight of the nearest one. Bounds its kernel to 32 MB."""
MOST_CLASSIFIED = 5_000
"""Rows of each domain that the logistic classifier of domains is fitted to. Bounds the time; chosen, not measured."""
NUM_ITERATIONS = 300
"""Of accelerated projected gradients, which come within a thousandth of the optimum on small problems."""
KLIEP_ITERATIONS = 100
"""With more, mass moves between neighboring Gaussians and weights hardly change."""
LEAST = 1e-3
"""Smallest weight, so that no row is left out."""


def bounded(weights: Floats) -> Floats:
    """The weights at mean 1, none above the root of their number nor below a thousandth; all 1 where all are zero.

    Reference: Ionides, "Truncated importance sampling", JCGS 2008, section 2.
    """
    mean = weights.mean()
    if not mean > 0:
        return np.ones(len(weights))
    return np.asarray(np.clip(weights / mean, LEAST, np.sqrt(len(weights))))


def logistic_ratio(source: Floats, target: Floats, seed: int) -> Floats:
    """The odds, by a logistic classifier of domains, that a source row is of the target, float64 [source].

    `seed` decides the folds that choose the classifier's penalty and temperature.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning for Differing Training and Test Distributions", ICML 2007,
        eq. 3.
    """
    ours, theirs = (
        random_rows(len(rows), MOST_CLASSIFIED, generator_for(seed, "density ratio", side))
        for rows, side in ((source, "logistic source"), (target, "logistic target"))
    )
    rows = np.concatenate([source[ours], target[theirs]])
    labels = np.repeat(np.arange(2), [len(ours), len(theirs)])
    found = fit_logistic(rows, labels, 2, inner_folds(labels, None, seed))
    probs = softmax((source @ found.weight + found.bias) / found.temperature, axis=1)
    return np.asarray(probs[:, 1] / np.maximum(probs[:, 0], 1e-12) * len(ours) / max(len(theirs), 1))


def kliep_ratio(source: Floats, target: Floats, seed: int) -> Floats:
    """A sum of Gaussians around target rows that maximizes the likelihood of the target, float64 [source], mean 1.

    The width is cross-validated; `seed` decides centers and folds.

    Reference: Sugiyama et al., "Direct Importance Estimation with Model Selection and Its Application to Covariate Shift
        Adaptation", NeurIPS 2007, eqs. 7-8 and section 3.3.
    Differs: with each Gaussian divided by its mean over the source, the problem is that of mixture shares, and is solved by
        expectation maximization instead of projected gradients.
    """
    centers = target[random_rows(len(target), NUM_CENTERS, generator_for(seed, "centers"))]
    median = median_square(np.concatenate([source, target]), seed)
    fold = generator_for(seed, "kliep folds").permutation(len(target)) % min(NUM_FOLDS, len(target))

    def densities(rows: Floats, width: float) -> tuple[Floats, Floats]:
        masses = gaussian(source, centers, 1.0 / (width * median)).mean(axis=0)
        reached = masses > 1e-12
        scaled = gaussian(rows, centers, 1.0 / (width * median)) / np.where(reached, masses, 1.0)
        return np.where(reached, scaled, 0.0), reached / max(reached.sum(), 1)

    def likelihood(width: float) -> float:
        values, start = densities(target, width)
        fits = [(values[fold == one], mixture_shares(values[fold != one], start, KLIEP_ITERATIONS)) for one in np.unique(fold)]
        return float(np.mean([np.log(np.maximum(rows @ shares, 1e-12)).mean() for rows, shares in fits]))

    best = max(WIDTHS, key=likelihood) if len(target) > 1 else WIDTHS[-1]
    return np.asarray(densities(source, best)[0] @ mixture_shares(*densities(target, best), KLIEP_ITERATIONS))


def kernel_mean_ratio(source: Floats, target: Floats, seed: int, bound: float = 10.0) -> Floats:
    """Source weights, float64 [source], whose weighted mean in a Gaussian kernel's feature space is nearest to the target's mean.

    They lie in [0, bound] and have mean 1; `seed` decides which rows are used where there are many.

    Reference: Huang et al., "Correcting Sample Selection Bias by Unlabeled Data", NeurIPS 2006, eq. 8.
    Differs: the mean weight is exactly 1; accelerated projected gradients instead of a general solver.
    """
    ours, theirs = (
        random_rows(len(rows), MOST_ROWS, generator_for(seed, "density ratio", side))
        for rows, side in ((source, "source"), (target, "target"))
    )
    few, others = source[ours], target[theirs]
    gamma = 1.0 / median_square(np.concatenate([few, others]), seed)
    kernel = gaussian(few, few, gamma)
    aim = gaussian(few, others, gamma).mean(axis=1) * len(few)
    step = 1.0 / max(float(np.linalg.norm(kernel, 2)), 1e-12)
    weights: Floats = np.ones(len(few))
    extrapolated: Floats = weights
    momentum = 1.0
    for _ in range(NUM_ITERATIONS):
        moved = _at_mean_one(extrapolated - step * (kernel @ extrapolated - aim), bound)
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        extrapolated = moved + (momentum - 1.0) / after * (moved - weights)
        weights, momentum = moved, after
    if len(few) == len(source):
        return weights
    from sklearn.metrics import pairwise_distances_argmin  # noqa: PLC0415  slow to import, and for many rows alone

    return np.asarray(weights[pairwise_distances_argmin(source, few)])


def _at_mean_one(values: Floats, bound: float) -> Floats:
    """The projection onto weights in [0, bound] with mean 1: the values minus one number, clipped; found by bisection."""
    low, high = float(values.min()) - bound, float(values.max())
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.clip(values - middle, 0.0, bound).mean() > 1.0 else (low, middle)
    return np.asarray(np.clip(values - 0.5 * (low + high), 0.0, bound))
