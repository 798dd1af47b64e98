"""Principal components: the few directions in which rows vary most, by subspace iteration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.rows import Rows, linear_scores, row_slices
from headstart.core.seeds import generator_for
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation

if TYPE_CHECKING:  # to predict takes no PyTorch
    from torch import nn

MOST_ROWS = 2_000
"""Rows that the axes are computed from, evenly spaced; of some 5,000 features 256 directions need no more."""
NUM_PASSES = 2
"""Passes over the rows: the spectra of networks' features fall fast, and a third changed no accuracy."""


@dataclass(frozen=True)
class PrincipalComponents:
    """A representation along a few axes: rows short enough to keep thousands of them with a model.

    Attributes:
        representation: Features to full rows.
        axes: float32 [feature, axis], orthogonal columns of one length.
    """

    representation: Representation
    axes: Floats = field(repr=False)

    @classmethod
    def scaled(cls, features: FeatureSet, blocks: Blocks, num_axes: int, seed: int) -> PrincipalComponents:
        """Fitted to those features, and scaled so that their rows have a mean squared length of 1."""
        representation = Representation.fitted(features, blocks)
        own = cls(representation, principal_components(representation.rows(features), num_axes, seed))
        length = float(np.sqrt(np.mean(np.sum(own.rows(features) ** 2, axis=1, dtype=np.float64))))
        return cls(representation, np.asarray(own.axes / max(length, 1e-12), np.float32))

    def rows(self, features: FeatureSet) -> Floats:
        """The features along the axes, float32 [sample, axis]."""
        origin = np.zeros(self.axes.shape[1])
        return np.asarray(linear_scores(self.representation.rows(features), self.axes, origin), np.float32)

    def graph(self) -> nn.Module:
        """`rows` as part of a graph: tensors of features to float64."""
        from headstart.features.graph_features import LinearGraph  # noqa: PLC0415

        return LinearGraph(self.representation.graph(), self.axes, np.zeros(self.axes.shape[1]))


def principal_components(rows: Rows, num_axes: int, seed: int) -> Floats:
    """Orthonormal directions, float32 [feature, axis], in which centered rows [sample, feature] vary most.

    There are no more than rows or features. At most 2,000 rows are read, in chunks, and time is that of four products with
    `num_axes` columns: half a second for 5,000 features, where a full decomposition takes minutes. `seed` gives the start.
    scikit-learn's `randomized_svd` needs all rows in memory.

    Reference: Halko, Martinsson & Tropp, "Finding structure with randomness", SIAM Review 2011, algorithm 4.4.
    Differs: the rows enter only through the product of their transpose with themselves, so that one pass makes one step, and
        nothing is oversampled.
    """
    width = rows.shape[1]
    chosen = evenly_spaced(len(rows), MOST_ROWS)
    start = generator_for(seed, "principal axes").standard_normal((width, min(num_axes, len(rows), width)))
    axes = np.linalg.qr(start.astype(np.float32))[0]
    for _ in range(NUM_PASSES):
        moved = np.zeros(axes.shape)
        for part in row_slices(len(chosen)):
            chunk = np.asarray(rows[chosen[part]], np.float32)
            moved += chunk.T @ (chunk @ axes)
        axes = np.asarray(np.linalg.qr(moved)[0], np.float32)
    return axes
