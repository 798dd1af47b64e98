"""Projection: features as a few coordinates a row, in which two domains are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.errors import DataError
from headstart.core.row_sums import column_means
from headstart.core.rows import Rows, linear_scores, row_slices, taken
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation, graph_of_rows
from headstart.heads.principal_components import principal_components

if TYPE_CHECKING:  # to predict takes no PyTorch
    from torch import nn

MOST_ROWS = 1_000
"""Rows of each domain that decide the axes. Bounds the time; chosen, not measured."""


@dataclass(frozen=True)
class Projection:
    """rows(features) = representation @ axes + offset.

    Attributes:
        representation: None for the penultimate features as they are.
        axes: float32 [feature, axis].
        offset: float64 [axis].
    """

    representation: Representation | None
    axes: Floats = field(repr=False)
    offset: Floats = field(repr=False)

    @classmethod
    def along_axes(cls, sides: Sequence[tuple[Representation, FeatureSet]], num_axes: int, seed: int) -> tuple[Projection, ...]:
        """Projections to the principal axes of the rows of all domains together, one a domain, all with the same axes.

        At most 1,000 rows of each domain decide, evenly spaced. There are fewer than `num_axes` axes where rows or features are
        fewer. `seed` starts the search.
        """
        rows = np.concatenate([_evenly_spaced_rows(representation.rows(features)) for representation, features in sides])
        mean = column_means(rows)
        axes = principal_components(np.asarray(rows - mean, np.float32), num_axes, seed)
        return tuple(cls(representation, axes, -(mean @ axes)) for representation, _ in sides)

    @classmethod
    def standardized(cls, features: FeatureSet) -> Projection:
        """The penultimate features, each with mean 0 and standard deviation 1 on those rows; row lengths are kept."""
        rows = features.penultimate
        mean = column_means(rows)
        deviation = column_deviations(rows, mean)
        return cls(None, np.diag(1.0 / deviation).astype(np.float32), -mean / deviation)

    def rows(self, features: FeatureSet) -> Floats:
        """The projected features, float64 [sample, axis]; a `DataError` where another network made the features."""
        rows: Rows = features.penultimate if self.representation is None else self.representation.rows(features)
        if rows.shape[1] != len(self.axes):
            raise DataError(
                f"The features are {rows.shape[1]} wide, and the model was fitted on {len(self.axes)}. Give features that the "
                "same network made."
            )
        return linear_scores(rows, self.axes, self.offset)

    def graph(self) -> nn.Module:
        """`rows` as part of a graph: tensors of features to float64."""
        from headstart.features.graph_features import LinearGraph  # noqa: PLC0415

        return LinearGraph(graph_of_rows(self.representation), self.axes, self.offset)

    def mapped(self, matrix: Floats, shift: Floats) -> Projection:
        """The projection whose rows are those of this one times a matrix [axis, new axis] plus a shift [new axis]."""
        axes = np.asarray(self.axes @ matrix, np.float32)
        return replace(self, axes=axes, offset=self.offset @ matrix + shift)


def _evenly_spaced_rows(rows: Rows) -> Floats:
    return np.asarray(taken(rows, evenly_spaced(len(rows), MOST_ROWS)), np.float32)


def column_deviations(rows: Rows, mean: Floats) -> Floats:
    """The standard deviation of every column around `mean` [feature], by the number of rows, float64 [feature].

    It is 1 for constant columns. `rows` are [sample, feature], at least one.
    """
    total = np.zeros(rows.shape[1])
    for part in row_slices(len(rows)):
        total += ((np.asarray(rows[part], np.float64) - mean) ** 2).sum(axis=0)
    deviations = np.sqrt(total / len(rows))
    return np.where(deviations > 1e-12 * np.maximum(np.abs(mean), 1e-290), deviations, 1.0)
