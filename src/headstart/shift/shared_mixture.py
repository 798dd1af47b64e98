"""Shared mixture: Gaussian components that both domains share, each domain with shares of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, solve_triangular
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture

from headstart.core.types import Floats, Integers

MOST_COMPONENTS = 4
"""Of a class, tried in turn."""
ROWS_A_COMPONENT = 10
"""Distinct ones of its class, at least: a smaller class has fewer components."""
RIDGE = 1e-2
"""Of the mean variance, added to every variance."""
MOST_TURNS = 200
TOLERANCE = 1e-4
"""Of the mean log likelihood of a row, in nats."""


class SharedMixture(NamedTuple):
    """The fit.

    Attributes:
        target_probs: Of the target rows, float64 [target, class].
        num_components: Of all classes together.
        criterion: The Bayesian information criterion on the rows of both domains; lower is better.
    """

    target_probs: Floats
    num_components: int
    criterion: float


def fit_shared_mixture(
    source: Floats, labels: Integers, target: Floats, known: Integers, num_classes: int, seed: int
) -> SharedMixture:
    """Components found among each class's rows, then moved by expectation and maximization on the rows of both domains.

    A row with a label can belong to its class's components only. Where they lie and how wide they are is common to both domains;
    how many rows each has is each domain's own. So what may change from source to target is how often things are seen, of every
    class and within it, and nothing else. One to four components a class are tried, and the fit of the lowest criterion stays.
    A class that the source lacks has the components of its labeled target rows.

    Args:
        source: float [source, axis].
        labels: int64 [source].
        target: float [target, axis].
        known: int64 [target]: labels, -1 where there is none.
        num_classes: C.
        seed: Of the first components.

    Returns:
        The fit.

    Reference: Miller & Uyar, "A Mixture of Experts Classifier with Learning Based on Both Labelled and Unlabelled Data", NeurIPS
        1996, for components shared by labeled and unlabeled rows; Nigam, McCallum, Thrun & Mitchell, "Text Classification from
        Labeled and Unlabeled Documents using EM", Machine Learning 2000, section 5.3, for several components a class.
    Differs: shares of components are fitted for each domain apart; the number of components is chosen on both domains together:
        chosen on the source, a class too simply drawn there takes rows of another in the target.
    """
    rows, every = np.concatenate([source, target]), np.concatenate([labels, known])
    floor = RIDGE * float(source.var(axis=0).mean())
    shown = {label: source[labels == label] for label in np.unique(labels)}
    shown |= {label: target[known == label] for label in np.unique(known[known >= 0]) if label not in shown}
    fits = [
        _maximized(rows, every, len(source), _first(shown, num, floor, seed), floor, num_classes)
        for num in range(1, MOST_COMPONENTS + 1)
    ]
    return min(fits, key=lambda fit: fit.criterion)


class _Components(NamedTuple):
    """Means [component, axis], covariances [component, axis, axis] and classes [component]."""

    means: Floats
    covariances: Floats
    owners: Integers


def _first(shown: dict[int, Floats], num: int, floor: float, seed: int) -> _Components:
    """So many components of the rows that are shown of each class."""
    fits = [_of_class(rows, num, floor, seed) for rows in shown.values()]
    means, covariances = (np.concatenate(parts) for parts in zip(*fits, strict=True))
    return _Components(means, covariances, np.repeat(list(shown), [len(own) for own, _ in fits]))


def _of_class(rows: Floats, num: int, floor: float, seed: int) -> tuple[Floats, Floats]:
    """Means and covariances of so many components, or of as many as the rows allow; of one, that of a single row, too."""
    num = min(num, len(np.unique(rows, axis=0)) // ROWS_A_COMPONENT)
    if num > 1:
        fit = GaussianMixture(num, reg_covar=floor, n_init=3, random_state=seed).fit(rows)
        return fit.means_, fit.covariances_
    mean = rows.mean(axis=0)
    return mean[None], ((rows - mean).T @ (rows - mean) / len(rows) + floor * np.eye(rows.shape[1]))[None]


def _maximized(
    rows: Floats, labels: Integers, num_source: int, components: _Components, floor: float, num_classes: int
) -> SharedMixture:
    """Expectation and maximization until the likelihood stays."""
    owners, (count, width) = components.owners, components.means.shape
    allowed = (labels[:, None] < 0) | (labels[:, None] == owners)
    sides = slice(0, num_source), slice(num_source, len(rows))
    shares = [np.full(count, 1.0 / count)] * 2
    likely = -np.inf
    for _ in range(MOST_TURNS):
        logs = np.where(allowed, _log_densities(rows, components), -np.inf)
        for side, share in zip(sides, shares, strict=True):
            logs[side] += np.log(np.maximum(share, 1e-300))
        totals = logsumexp(logs, axis=1, keepdims=True)
        weights, before, likely = np.exp(logs - totals), likely, float(totals.mean())
        if likely - before < TOLERANCE:
            break
        shares = [weights[side].mean(axis=0) for side in sides]
        components = _moments(rows, weights, owners, floor)
    free = count * (width + width * (width + 1) // 2 + 2)
    classes = weights[sides[1]] @ (owners[:, None] == np.arange(num_classes))
    return SharedMixture(classes, count, -2.0 * len(rows) * likely + free * float(np.log(len(rows))))


def _log_densities(rows: Floats, components: _Components) -> Floats:
    """float64 [row, component]."""
    out = np.empty((len(rows), len(components.means)))
    for place, (mean, covariance) in enumerate(zip(components.means, components.covariances, strict=True)):
        factor = cho_factor(covariance, lower=True)[0]
        white = solve_triangular(factor, (rows - mean).T, lower=True)
        out[:, place] = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum()
    return np.asarray(out - 0.5 * rows.shape[1] * np.log(2 * np.pi))


def _moments(rows: Floats, weights: Floats, owners: Integers, floor: float) -> _Components:
    """Mean and covariance of every component."""
    counts = np.maximum(weights.sum(axis=0), 1e-9)
    means = (weights.T @ rows) / counts[:, None]
    covariances = np.empty((len(means), rows.shape[1], rows.shape[1]))
    for place, mean in enumerate(means):
        off = rows - mean
        covariances[place] = (weights[:, place, None] * off).T @ off / counts[place] + floor * np.eye(rows.shape[1])
    return _Components(means, covariances, owners)
