"""Chart: features as a few numbers a row, in which domains are laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from headstart.core.errors import DataError
from headstart.core.rows import Rows, column_means, linear_scores, parts, taken
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.principal_components import principal_components

MOST_ROWS = 1_000
"""Of a side, that decide the axes."""


@dataclass(frozen=True)
class Projection:
    """rows(features) = what is seen @ axes + offset.

    Attributes:
        representation: What is seen; None for the penultimate features as they are.
        axes: float32 [feature, axis].
        offset: float64 [axis].
    """

    representation: Representation | None
    axes: Floats = field(repr=False)
    offset: Floats = field(repr=False)

    @classmethod
    def along_axes(cls, sides: Sequence[tuple[Representation, FeatureSet]], num_axes: int, seed: int) -> tuple[Projection, ...]:
        """The directions in which the rows of all sides together vary most, one chart a side, all with the same axes.

        Args:
            sides: What is seen, and the rows that decide; at most 1,000 of each side are looked at.
            num_axes: Number of directions, at most; rows and features may allow fewer.
            seed: Of the search for them.

        Returns:
            The charts.
        """
        rows = np.concatenate([_some(representation.rows(features)) for representation, features in sides])
        mean = column_means(rows)
        axes = principal_components(np.asarray(rows - mean, np.float32), num_axes, seed)
        return tuple(cls(representation, axes, -(mean @ axes)) for representation, _ in sides)

    @classmethod
    def standardized(cls, features: FeatureSet) -> Projection:
        """The penultimate features themselves, each with mean 0 and deviation 1 on those rows; lengths of rows are kept."""
        rows = features.penultimate
        mean = column_means(rows)
        deviation = column_deviations(rows, mean)
        return cls(None, np.diag(1.0 / deviation).astype(np.float32), -mean / deviation)

    def rows(self, features: FeatureSet) -> Floats:
        """The features in the chart, float64 [sample, axis].

        Args:
            features: Blocks as wide as those that the chart was made of.

        Returns:
            The rows.

        Raises:
            DataError: The features have another width: another network made them.
        """
        seen: Rows = features.penultimate if self.representation is None else self.representation.rows(features)
        if seen.shape[1] != len(self.axes):
            met, wanted = seen.shape[1], len(self.axes)
            raise DataError(
                f"The features are {met} wide, and the model was fitted on {wanted}. Give features that the same network made."
            )
        return linear_scores(seen, self.axes, self.offset)

    def mapped(self, matrix: Floats, shift: Floats) -> Projection:
        """The chart whose rows are those of this one times a matrix, plus a shift.

        Args:
            matrix: float [axis, new axis].
            shift: float [new axis].

        Returns:
            The chart.
        """
        axes = np.asarray(self.axes @ matrix, np.float32)
        return replace(self, axes=axes, offset=self.offset @ matrix + shift)


def _some(rows: Rows) -> Floats:
    """At most 1,000 rows, evenly spaced."""
    chosen = evenly_spaced(len(rows), MOST_ROWS)
    return np.asarray(taken(rows, chosen), np.float32)


def column_deviations(rows: Rows, mean: Floats) -> Floats:
    """The standard deviation of every column, float64 [feature]; 1 for constant columns.

    Args:
        rows: [sample, feature], at least one.
        mean: float64 [feature], of the rows.

    Returns:
        The deviations, by the number of rows.
    """
    total = np.zeros(rows.shape[1])
    for part in parts(len(rows)):
        total += ((np.asarray(rows[part], np.float64) - mean) ** 2).sum(axis=0)
    deviations = np.sqrt(total / len(rows))
    return np.where(deviations > 1e-12 * np.maximum(np.abs(mean), 1e-290), deviations, 1.0)
