"""LDA: linear discriminant analysis with a shrunk covariance."""

from __future__ import annotations

from typing import final

import numpy as np

from headstart.core.linear_algebra import chunked_gram, rotated, shrinkage_intensity, symmetric_eigen
from headstart.core.row_sums import column_means
from headstart.core.rows import LazyRows, Rows, linear_scores, row_slices, shifted, squared_lengths, taken
from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.class_statistics import class_means, with_absent_classes
from headstart.heads.out_of_fold import inner_folds
from headstart.methods._probe import Probe, held_out_temperature
from headstart.methods.heads import LinearHead

FLOOR = 0.1
"""Least mean variance within classes, as a share of the mean total variance: one row a class shows none at all."""


@final
class LDA(Probe):
    """Models the classes as Gaussians with one covariance, shrunk towards a multiple of the identity.

    It is the nearest mean in a space where directions that vary within classes count less.

    Needs: labeled rows; with one a class it becomes the nearest mean.
    Helps: from some five rows a class on, about as much as ridge.
    Hurts: when classes are far from Gaussian or have several clusters each.

    Reference: Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", JMVA 2004, section 3.2.
    Differs: the identity's scale is floored by a tenth of the total variance, so that one row a class works.
    """

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[LinearHead, float]:
        representation = Representation.fitted(features, self.blocks)
        joined = representation.rows(features)
        mean = column_means(joined)
        rows, basis = rotated(shifted(joined, mean))
        width = len(basis)

        def held_out_scores(fold: Fold) -> Floats:
            weight, bias = _discriminant(taken(rows, fold.fit), labels[fold.fit], num_classes, width)
            return linear_scores(taken(rows, fold.held_out), weight, bias)

        temperature = held_out_temperature(held_out_scores, inner_folds(labels, groups, seed), labels)
        weight, bias = _discriminant(rows, labels, num_classes, width)
        full = np.asarray(basis @ weight, np.float32)
        return LinearHead(representation, full, bias - mean @ full), temperature


def _discriminant(rows: Rows, labels: Integers, num_classes: int, width: int) -> tuple[Floats, Floats]:
    """Weight [feature, class] and bias [class] of Gaussians with one shrunk covariance of `width` original features."""
    present, numbered = np.unique(labels, return_inverse=True)
    means = class_means(rows, numbered, len(present))
    within = LazyRows(rows.shape, lambda part: rows[part] - means[numbered[part]].astype(rows.dtype), rows.dtype)
    values, vectors = symmetric_eigen(chunked_gram(within) / len(rows))
    intensity = shrinkage_intensity(within, float((values**2).sum()), width)
    total = float(squared_lengths(rows).mean() - (column_means(rows) ** 2).sum())
    mean_variance = max(values.sum(), FLOOR * total, 1e-290) / width
    precision = (vectors / ((1 - intensity) * values + intensity * mean_variance)) @ vectors.T
    weight = precision @ means.T
    bias = np.log(np.bincount(numbered) / len(rows)) - 0.5 * np.einsum("cf,fc->c", means, weight)
    lowest = min(float((rows[part] @ weight + bias).min()) for part in row_slices(len(rows))) - np.log(len(rows) + 1.0)
    return with_absent_classes(weight, bias, present, num_classes, lowest)
