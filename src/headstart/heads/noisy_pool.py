"""Opinion pool under label noise: how much each opinion counts, and which share of the labels is wrong, fitted together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers

MOST_ROWS = 20_000
"""Rows that the few parameters are fitted to; bounds the time."""
MOST_NOISE = 0.5
"""Most labels are right: else nothing tells right labels from wrong ones."""
MOST_WEIGHT = 20.0
STARTS = (0.005, 0.1)
"""Shares of wrong labels from which the fit starts, as it has more than one optimum; the better one is kept."""
LEAST = 1e-12


@dataclass(frozen=True)
class NoisyPool:
    """The fitted pool.

    Attributes:
        weights: The exponent of each opinion.
        noise: The share of labels that are wrong.
        log_probs: float64 [sample, class]: log probabilities of each row's true class before its own label is known.
        wrong: float64 [sample]: the probability that the label is wrong once it is known.
    """

    weights: tuple[float, ...]
    noise: float
    log_probs: Floats = field(repr=False)
    wrong: Floats = field(repr=False)


def fit_noisy_pool(opinions: Floats, offset: Floats, labels: Integers, transitions: Floats) -> NoisyPool:
    """The weighted geometric mean of opinions that explains the labels best where some of them are wrong.

    A label is the true class with probability 1 - e, else another class by `transitions`. The weights, which are at least zero
    and need not sum to 1, and e maximize the likelihood, so that labels that are confidently contradicted raise e, and labels of
    rows that are hard to tell lower the weights.

    Args:
        opinions: Log probabilities [opinion, sample, class] of rows whose own label had no part in them.
        offset: Log-likelihood ratios that count as they are, float64 [sample, class].
        labels: int64 [sample].
        transitions: float64 [true class, given class]: what a wrong label is; zero on the diagonal, rows sum to 1.

    Returns:
        The pool.

    Reference: Heskes, "Selecting weighting factors in logarithmic opinion pools", NeurIPS 1997, eq. 2; Patrini et al., "Making
        deep neural networks robust to label noise", CVPR 2017, eq. 3 (the forward correction).
    Differs: the share of wrong labels is a parameter, the rows of the transitions are given, and only the weights of the pool are
        fitted, not a network.
    """
    part = evenly_spaced(len(labels), MOST_ROWS)
    chosen = opinions[:, part], offset[part], labels[part], transitions
    bounds = [(0.0, MOST_WEIGHT)] * len(opinions) + [(0.0, MOST_NOISE)]
    starts = [np.array([*np.full(len(opinions), 1 / len(opinions)), noise]) for noise in STARTS]
    fits = [minimize(_loss, start, args=chosen, jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun)).x
    weights, noise = best[:-1], float(best[-1])
    logs = _log_probs(weights, opinions, offset)
    probs = np.exp(logs)
    by_noise = noise * np.einsum("sc,cs->s", probs, transitions[:, labels])
    right = (1 - noise) * probs[np.arange(len(labels)), labels]
    return NoisyPool(tuple(weights.tolist()), noise, logs, by_noise / np.maximum(by_noise + right, LEAST))


def _log_probs(weights: Floats, opinions: Floats, offset: Floats) -> Floats:
    scores = np.tensordot(weights, opinions, 1) + offset
    return np.asarray(scores - logsumexp(scores, axis=1, keepdims=True))


def _loss(values: Floats, opinions: Floats, offset: Floats, labels: Integers, transitions: Floats) -> tuple[float, Floats]:
    """Mean negative log-likelihood of the labels and its gradient by the weights and the share of wrong labels."""
    weights, noise = values[:-1], values[-1]
    probs = np.exp(_log_probs(weights, opinions, offset))
    rows = np.arange(len(labels))
    own, reached = probs[rows, labels], probs * transitions[:, labels].T
    other = reached.sum(axis=1)
    likelihood = np.maximum((1 - noise) * own + noise * other, LEAST)
    means = np.einsum("osc,sc->os", opinions, probs)
    of_own = own * (opinions[:, rows, labels] - means)
    of_other = np.einsum("osc,sc->os", opinions, reached) - other * means
    by_weights = (((1 - noise) * of_own + noise * of_other) / likelihood).mean(axis=1)
    by_noise = ((other - own) / likelihood).mean()
    return -float(np.log(likelihood).mean()), -np.array([*by_weights, by_noise])
