"""KernelHead: a head that is linear in similarities to training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.rows import LazyRows, Rows, in_memory, row_slices, taken
from headstart.core.seeds import generator_for
from headstart.core.shapes import check_positive
from headstart.core.spacing import random_rows
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation, representation_arrays, representation_from

if TYPE_CHECKING:  # to predict takes no PyTorch
    from torch import nn

MOST_COSINES = 16_000_000
"""Cosines of new rows with training rows that are in memory at once: 64 MB."""
MOST_LANDMARKS = 1_000
"""Training rows whose similarity is asked: all of up to a thousand, so that the kernel is exact, a random choice of more. Their
kernel's decomposition then takes half a second, and they 4 KB each for pixels and 20 KB for stages. Chosen, not measured."""


@dataclass(frozen=True)
class KernelHead:
    """scores = exp(-gamma |row - landmark|^2) @ weight + bias.

    Attributes:
        representation: What the head sees.
        landmarks: Training rows, float32 [landmark, feature].
        gamma: One over the kernel's squared width.
        weight: float64 [landmark, class].
        bias: float64 [class].
    """

    representation: Representation
    landmarks: Floats = field(repr=False)
    gamma: float
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)

    solver: ClassVar[str] = "kernel_ridge"
    axes: ClassVar[dict[str, str]] = {"landmarks": "landmark feature", "weight": "landmark class", "bias": "class"}
    keeps_inputs: ClassVar[bool] = False
    """Landmarks of the old classes alone do not tell new ones apart: with 8 of 10 classes of digits, 20 labels each, extended by
    the other two, raw pixels, accuracy on these two is 73 % then, 93 % with landmarks of all, and 85 % by ridge (6 draws;
    `python -m benchmarks.extended_kernels`)."""

    @staticmethod
    def landmarks_of(rows: Rows, seed: int) -> Floats:
        """The training rows whose similarity is asked: all of up to a thousand, a random choice of more."""
        return np.asarray(taken(rows, random_rows(len(rows), MOST_LANDMARKS, generator_for(seed, "landmarks"))))

    @cached_property
    def _directions(self) -> Floats:
        """The inverse root of the landmarks' kernel, float64 [landmark, direction]."""
        from headstart.core.linear_algebra import symmetric_eigen  # noqa: PLC0415
        from headstart.heads.kernel_map import SMALLEST  # noqa: PLC0415

        values, vectors = symmetric_eigen(self.similarities(self.landmarks))
        used = values > SMALLEST * values[-1]
        return np.asarray(vectors[:, used] / np.sqrt(values[used]))

    def for_rows(self, features: FeatureSet, seed: int) -> Self:
        """See `SolvedHead`; the width of the kernel stays."""
        return replace(self, landmarks=self.landmarks_of(self.representation.rows(features), seed))

    def inputs(self, features: FeatureSet) -> Rows:
        """See `SolvedHead`: rows in which the kernel is the inner product, as far as the landmarks show it."""
        rows = self.representation.rows(features)
        shape = (len(rows), self._directions.shape[1])
        return in_memory(LazyRows(shape, lambda part: self._mapped(np.asarray(rows[part]))))

    def _mapped(self, rows: Floats) -> Floats:
        return np.asarray(self.similarities(rows) @ self._directions, np.float32)

    def solved(self, weight: Floats, bias: Floats) -> Self:
        """See `SolvedHead`."""
        return replace(self, weight=self._directions @ weight, bias=bias)

    def similarities(self, rows: Floats) -> Floats:
        """Of rows [sample, feature] to the landmarks, float64 [sample, landmark]; rows that are centered lose no digits."""
        lengths = [(np.asarray(side, np.float64) ** 2).sum(axis=1) for side in (rows, self.landmarks)]
        squares = lengths[0][:, None] + lengths[1] - 2.0 * np.asarray(rows @ self.landmarks.T, np.float64)
        return np.asarray(np.exp(-self.gamma * np.maximum(squares, 0.0)))

    def scores(self, features: FeatureSet) -> Floats:
        rows = self.representation.rows(features)
        slices = row_slices(len(rows), max(1, MOST_COSINES // len(self.landmarks)))
        return np.concatenate([np.empty((0, len(self.bias))), *(self._scores(rows[part]) for part in slices)])

    def _scores(self, rows: Floats) -> Floats:
        return np.asarray(self.similarities(rows) @ self.weight + self.bias)

    def graph(self) -> nn.Module:
        """See `Head`."""
        from headstart.methods.head_graphs import SimilarityGraph  # noqa: PLC0415

        return SimilarityGraph(self.representation.graph(), self.landmarks, self.gamma, self.weight, self.bias)

    def arrays(self) -> dict[str, Floats]:
        return {
            "landmarks": self.landmarks,
            "weight": self.weight,
            "bias": self.bias,
            **representation_arrays(self.representation),
        }

    def settings(self) -> dict[str, Any]:
        return {"kind": "kernel", "blocks": self.representation.blocks, "gamma": self.gamma}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        representation = representation_from(arrays, settings["blocks"])
        check_positive("gamma", settings["gamma"])
        return cls(representation, arrays["landmarks"], settings["gamma"], arrays["weight"], arrays["bias"])
