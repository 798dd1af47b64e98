"""Shared mixture: Gaussian components common to both domains, with shares of each domain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, solve_triangular
from scipy.special import logsumexp

from headstart.core.types import Floats, Integers

MOST_COMPONENTS = 4
"""Components a class, tried from one on; the information criterion decides. Chosen, not measured."""
ROWS_A_COMPONENT = 10
"""Distinct rows of a class for each of its components, at least. Chosen, not measured."""
RIDGE = 1e-2
"""Added to every variance, as a multiple of the mean variance. Chosen, not measured."""
MOST_ITERATIONS = 200
"""The fit is taken as it is then; the tolerance usually comes first. Chosen, not measured."""
TOLERANCE = 1e-4
"""Gain of the mean log likelihood of a row, in nats, at which iterations stop."""


class SharedMixture(NamedTuple):
    """The fit.

    Attributes:
        target_probs: Of the target rows, float64 [target, class].
        source_weights: How much likelier source rows are in the target, by the shares of their components, float64 [source].
        num_components: Of all classes together.
        criterion: The Bayesian information criterion on the rows of both domains; lower is better.
    """

    target_probs: Floats
    source_weights: Floats
    num_components: int
    criterion: float


def fit_shared_mixture(
    source: Floats, labels: Integers, target: Floats, known: Integers, num_classes: int, seed: int
) -> SharedMixture:
    """Components fitted to each class's rows, then by expectation maximization to the rows of both domains.

    A labeled row belongs to its class's components only. Means and covariances are common to both domains; the shares of the
    components are each domain's own. So nothing but the frequencies of classes, and of components within them, may change from
    source to target. One to four components a class are tried, and the fit of the lowest criterion is taken. A class that the
    source lacks has the components of its labeled target rows.

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
    Differs: shares of components are fitted for each domain apart; the number of components is chosen on both domains together,
        because a class that is fitted too simply on the source takes rows of another class in the target.
    """
    rows, every = np.concatenate([source, target]), np.concatenate([labels, known])
    floor = RIDGE * float(source.var(axis=0).mean())
    of_class = {label: source[labels == label] for label in np.unique(labels)}
    of_class |= {label: target[known == label] for label in np.unique(known[known >= 0]) if label not in of_class}
    fits = [
        _maximized(rows, every, len(source), _first(of_class, num, floor, seed), floor, num_classes)
        for num in range(1, MOST_COMPONENTS + 1)
    ]
    return min(fits, key=lambda fit: fit.criterion)


class _Components(NamedTuple):
    """Means [component, axis], covariances [component, axis, axis] and classes [component]."""

    means: Floats
    covariances: Floats
    classes: Integers


def _first(of_class: dict[int, Floats], num: int, floor: float, seed: int) -> _Components:
    """At most `num` components of the labeled rows of each class."""
    fits = [_of_class(rows, num, floor, seed) for rows in of_class.values()]
    means, covariances = (np.concatenate(fitted) for fitted in zip(*fits, strict=True))
    return _Components(means, covariances, np.repeat(list(of_class), [len(own) for own, _ in fits]))


def _of_class(rows: Floats, num: int, floor: float, seed: int) -> tuple[Floats, Floats]:
    """Means and covariances of `num` components, or of as many as the rows allow; one row suffices for one component."""
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415  takes a second

    num = min(num, len(np.unique(rows, axis=0)) // ROWS_A_COMPONENT)
    if num > 1:
        fit = GaussianMixture(num, reg_covar=floor, n_init=3, random_state=seed).fit(rows)
        return fit.means_, fit.covariances_
    mean = rows.mean(axis=0)
    return mean[None], ((rows - mean).T @ (rows - mean) / len(rows) + floor * np.eye(rows.shape[1]))[None]


def _maximized(
    rows: Floats, labels: Integers, num_source: int, components: _Components, floor: float, num_classes: int
) -> SharedMixture:
    """Expectation maximization from those components on."""
    classes, (count, width) = components.classes, components.means.shape
    allowed = (labels[:, None] < 0) | (labels[:, None] == classes)
    sides = slice(0, num_source), slice(num_source, len(rows))
    shares = [np.full(count, 1.0 / count)] * 2
    likelihood = -np.inf
    for _ in range(MOST_ITERATIONS):
        logs = np.where(allowed, _log_densities(rows, components), -np.inf)
        for side, share in zip(sides, shares, strict=True):
            logs[side] += np.log(np.maximum(share, 1e-300))
        totals = logsumexp(logs, axis=1, keepdims=True)
        weights, before, likelihood = np.exp(logs - totals), likelihood, float(totals.mean())
        if likelihood - before < TOLERANCE:
            break
        shares = [weights[side].mean(axis=0) for side in sides]
        components = _moments(rows, weights, classes, floor)
    num_parameters = count * (width + width * (width + 1) // 2 + 2)
    criterion = -2.0 * len(rows) * likelihood + num_parameters * float(np.log(len(rows)))
    probs = weights[sides[1]] @ (classes[:, None] == np.arange(num_classes))
    ratio = shares[1] / np.maximum(shares[0], 1e-12)
    return SharedMixture(probs, weights[sides[0]] @ ratio, count, criterion)


def _log_densities(rows: Floats, components: _Components) -> Floats:
    """float64 [row, component]."""
    out = np.empty((len(rows), len(components.means)))
    for place, (mean, covariance) in enumerate(zip(components.means, components.covariances, strict=True)):
        factor = cho_factor(covariance, lower=True)[0]
        white = solve_triangular(factor, (rows - mean).T, lower=True)
        out[:, place] = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum()
    return np.asarray(out - 0.5 * rows.shape[1] * np.log(2 * np.pi))


def _moments(rows: Floats, weights: Floats, classes: Integers, floor: float) -> _Components:
    counts = np.maximum(weights.sum(axis=0), 1e-9)
    means = (weights.T @ rows) / counts[:, None]
    covariances = np.empty((len(means), rows.shape[1], rows.shape[1]))
    for place, mean in enumerate(means):
        off = rows - mean
        covariances[place] = (weights[:, place, None] * off).T @ off / counts[place] + floor * np.eye(rows.shape[1])
    return _Components(means, covariances, classes)
