"""Class statistics of rows: one-hot targets, class means, and the expected empirical prediction."""

from __future__ import annotations

import numpy as np

from headstart.core.rows import Rows, row_slices
from headstart.core.types import Booleans, Floats, Integers


def one_hot(labels: Integers, num_classes: int) -> Floats:
    """1.0 at each row's class, 0.0 elsewhere, float64 [sample, class]."""
    return np.asarray(labels[:, None] == np.arange(num_classes), np.float64)


def compact(labels: Integers) -> Integers:
    """The labels renumbered to 0..K-1 without classes that have no rows."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64)


def has_mates(labels: Integers, groups: Integers | None = None) -> Booleans:
    """Whether another row, of another group, has the same class, so that a fit without the row still knows it; bool [sample].

    `labels` are int64 [sample], all known; without `groups` every row is its own group.
    """
    own = np.arange(len(labels)) if groups is None else groups
    classes = np.unique(np.stack([labels, own]), axis=1)[0]
    return np.asarray(np.bincount(classes)[labels] > 1)


def class_means(rows: Rows, labels: Integers, num_classes: int) -> Floats:
    """The mean row of each class, float64 [class, feature]; zeros for a class without rows. Rows are read by chunks."""
    sums = np.zeros((num_classes, rows.shape[1]))
    for part in row_slices(len(labels)):
        order = np.argsort(labels[part], kind="stable")
        present, starts = np.unique(labels[part][order], return_index=True)
        sums[present] += np.add.reduceat(np.asarray(rows[part])[order], starts, axis=0, dtype=np.float64)
    return np.asarray(sums / np.maximum(np.bincount(labels, minlength=num_classes), 1)[:, None])


def expected_log_prediction(probs: Floats, labels: Integers) -> float:
    """Mean log-likelihood of the labels under the predictor that goes through source classes.

    It lies between minus the labels' entropy and 0. `probs` are [sample, source class]; every class of `labels` is present.

    Reference: Nguyen et al., "LEEP: a new measure to evaluate transferability", ICML 2020, eqs. 1-2.
    Differs: source classes without mass are left out instead of dividing 0 by 0.
    """
    exact = np.asarray(probs, np.float64)
    joint = one_hot(labels, int(labels.max()) + 1).T @ exact / len(labels)
    mass = joint.sum(axis=0)
    conditional = joint / np.where(mass > 0, mass, 1.0)
    likelihood = np.einsum("iz,iz->i", conditional[labels], exact)
    return float(np.log(np.maximum(likelihood, 1e-290)).mean())


def with_absent_classes(
    weight: Floats, bias: Floats, present: Integers, num_classes: int, lowest: float
) -> tuple[Floats, Floats]:
    """A linear head, weight [feature, class] and bias [class], for all classes, from one for the classes that have rows.

    `weight` and `bias` are of the classes `present`; the others get the constant score `lowest`.
    """
    full_weight = np.zeros((len(weight), num_classes))
    full_bias = np.full(num_classes, lowest)
    full_weight[:, present] = weight
    full_bias[present] = bias
    return full_weight, full_bias
