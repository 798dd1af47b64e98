"""Lift: rows as their likeness to a few landmarks, in which a linear head bends its boundaries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.distance import cdist

from headstart.core.linear_algebra import symmetric_eigen
from headstart.core.rows import parts
from headstart.core.seeds import generator_for
from headstart.core.types import Floats

NUM_LANDMARKS = 256
MEDIAN_ROWS = 500
"""Rows whose distances give the median."""
SMALLEST = 1e-8
"""Directions of the landmarks' kernel with a smaller share of its largest eigenvalue are left out."""


@dataclass(frozen=True)
class KernelMap:
    """exp(-gamma |x - landmark|^2) for every landmark, turned so that inner products approximate the kernel.

    Attributes:
        landmarks: float [landmark, axis].
        gamma: One over the kernel's squared width.
        turn: float [landmark, direction]: the inverse root of the landmarks' kernel.
    """

    landmarks: Floats = field(repr=False)
    gamma: float
    turn: Floats = field(repr=False)

    @classmethod
    def of(cls, rows: Floats, gamma: float, seed: int) -> KernelMap:
        """The lift with landmarks drawn from those rows.

        Args:
            rows: float [sample, axis].
            gamma: One over the kernel's squared width.
            seed: Decides which rows.

        Returns:
            The lift; its landmarks keep their inner products to rounding.

        Reference: Williams & Seeger, "Using the Nystroem method to speed up kernel machines", NeurIPS 2000, eq. 10.
        """
        chosen = generator_for(seed, "landmarks").permutation(len(rows))[:NUM_LANDMARKS]
        landmarks = rows[np.sort(chosen)]
        values, vectors = symmetric_eigen(gaussian(landmarks, landmarks, gamma))
        kept = values > SMALLEST * values[-1]
        return cls(landmarks, gamma, vectors[:, kept] / np.sqrt(values[kept]))

    def rows(self, rows: Floats) -> Floats:
        """The lifted rows, float64 [sample, direction]."""
        out = np.empty((len(rows), self.turn.shape[1]))
        for part in parts(len(rows)):
            out[part] = gaussian(rows[part], self.landmarks, self.gamma) @ self.turn
        return out


def gaussian(rows: Floats, others: Floats, gamma: float) -> Floats:
    """exp(-gamma |x - y|^2), float64 [sample, other sample]."""
    return np.asarray(np.exp(-gamma * cdist(np.asarray(rows, np.float64), np.asarray(others, np.float64), "sqeuclidean")))


def median_square(rows: Floats, seed: int) -> float:
    """The median squared distance of two different rows, of at most 500 drawn; 1 where it is zero."""
    chosen = rows[generator_for(seed, "median").permutation(len(rows))[:MEDIAN_ROWS]]
    squares = cdist(chosen, chosen, "sqeuclidean")[np.triu_indices(len(chosen), 1)]
    median = float(np.median(squares)) if len(squares) else 0.0
    return median if median > 0 else 1.0
