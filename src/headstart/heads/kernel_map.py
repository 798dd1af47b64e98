"""Kernel map (Nystroem): rows as similarities to a few landmarks, on which a linear head has nonlinear boundaries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.distance import cdist, pdist

from headstart.core.linear_algebra import symmetric_eigen
from headstart.core.rows import row_slices
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats

NUM_LANDMARKS = 256
"""Chosen, not measured: their kernel's decomposition then takes 10 ms."""
MEDIAN_ROWS = 500
"""Rows whose distances give the median. Chosen, not measured."""
SMALLEST = 1e-8
"""Directions of the landmarks' kernel with a smaller share of its largest eigenvalue are left out, as rounding decides them."""


@dataclass(frozen=True)
class KernelMap:
    """exp(-gamma |x - landmark|^2) for every landmark, times a matrix after which inner products approximate the kernel.

    Attributes:
        landmarks: float [landmark, axis].
        gamma: One over the kernel's squared width.
        normalization: float [landmark, direction]: the inverse root of the landmarks' kernel.
    """

    landmarks: Floats = field(repr=False)
    gamma: float
    normalization: Floats = field(repr=False)

    @classmethod
    def of(cls, rows: Floats, gamma: float, seed: int) -> KernelMap:
        """The map with landmarks drawn from rows [sample, axis]; it keeps the landmarks' kernel to rounding.

        scikit-learn's `Nystroem` maps to other axes, which changes the last digits of what is fitted to the rows. It computes
        distances from inner products, which costs digits far from the origin (5e-6 of a kernel value at a mean of 1e5), and its
        fit takes 2.2 times as long on 3,001 rows.

        Reference: Williams & Seeger, "Using the Nystroem method to speed up kernel machines", NeurIPS 2000, eq. 10.
        """
        landmarks = rows[random_rows(len(rows), NUM_LANDMARKS, generator_for(seed, "landmarks"))]
        values, vectors = symmetric_eigen(gaussian(landmarks, landmarks, gamma))
        retained = values > SMALLEST * values[-1]
        return cls(landmarks, gamma, vectors[:, retained] / np.sqrt(values[retained]))

    def rows(self, rows: Floats) -> Floats:
        """The mapped rows, float64 [sample, direction]."""
        out = np.empty((len(rows), self.normalization.shape[1]))
        for part in row_slices(len(rows)):
            out[part] = gaussian(rows[part], self.landmarks, self.gamma) @ self.normalization
        return out


def gaussian(rows: Floats, others: Floats, gamma: float) -> Floats:
    """exp(-gamma |x - y|^2), float64 [sample, other sample]."""
    return np.asarray(np.exp(-gamma * cdist(np.asarray(rows, np.float64), np.asarray(others, np.float64), "sqeuclidean")))


def median_square(rows: Floats, seed: int) -> float:
    """The median squared distance of two different rows, of at most 500 drawn; 1 where it is zero."""
    chosen = rows[random_rows(len(rows), MEDIAN_ROWS, generator_for(seed, "median"))]
    squares = pdist(chosen, "sqeuclidean")
    median = float(np.median(squares)) if len(squares) else 0.0
    return median if median > 0 else 1.0
