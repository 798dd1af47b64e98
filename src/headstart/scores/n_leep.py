"""N-LEEP: LEEP with the clusters of the features in place of source classes."""

from __future__ import annotations

import warnings

import numpy as np

from headstart.core.linear_algebra import RowSpace
from headstart.core.types import Floats
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact, expected_log_prediction

ENERGY = 0.8
"""Share of the variance that the principal components keep, as in the paper."""
MOST_COMPONENTS = 100
"""Bounds the time of the mixture."""


def n_leep(labeled: LabeledFeatures) -> float | None:
    """LEEP on the posteriors of a Gaussian mixture fitted to the leading principal components.

    Needs no source classifier, but ten rows a class or more; slower than the other scores.

    A value between minus the labels' entropy and 0; None with one class only or fewer than four rows a class on average.

    Reference: Li et al., "Ranking neural checkpoints", CVPR 2021, section 4.2.
    Differs: covariances are diagonal; five components a class, but no more than half the rows and 100; rows are put in order
        first and the mixture starts from one fixed seed, so that their order does not matter.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  takes a second
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415  takes a second

    labels = compact(labeled.labels)
    num_classes = int(labels.max()) + 1
    if num_classes == 1 or len(labels) < 4 * num_classes:
        return None
    rows = _leading(labeled.space)
    if not rows.shape[1]:
        return expected_log_prediction(np.ones((len(labels), 1)), labels)
    order = np.argsort(rows[:, 0], kind="stable")
    mixture = GaussianMixture(
        min(5 * num_classes, len(labels) // 2, MOST_COMPONENTS),
        covariance_type="diag",
        random_state=0,
        max_iter=30,
        reg_covar=1e-4,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        posteriors = mixture.fit(rows[order]).predict_proba(rows[order])
    return expected_log_prediction(posteriors, labels[order])


def _leading(space: RowSpace) -> Floats:
    """The principal components with most of the energy, scaled to unit total variance, each with a fixed sign."""
    left, values = space
    if not len(values):
        return left
    left, values = left[:, ::-1], values[::-1]
    num_components = int(np.searchsorted(np.cumsum(values) / values.sum(), ENERGY)) + 1
    rows = left[:, :num_components] * np.sqrt(values[:num_components] / values.sum() * len(left))
    skew = (rows**3).sum(axis=0)
    return np.asarray(rows * np.where(skew < 0, -1.0, 1.0))
