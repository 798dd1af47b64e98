"""Random Fourier features: their mean represents a distribution."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.heads.kernel_map import median_square

WIDTHS = (0.25, 1.0)
"""Squared kernel widths, as multiples of the median squared distance: the narrow one for differences within classes, the wide one
for differences between them. Chosen, not measured."""
NUM_FEATURES = 256
"""Chosen, not measured."""


@dataclass(frozen=True)
class RandomFeatures:
    """sqrt(2 / D) cos(rows @ directions + phases): inner products approximate a mean of Gaussian kernels of two widths.

    scikit-learn's `RBFSampler` approximates the kernel of a single width.

    Attributes:
        directions: float64 [axis, feature].
        phases: float64 [feature].
    """

    directions: Floats = field(repr=False)
    phases: Floats = field(repr=False)

    @classmethod
    def of(cls, rows: Floats, seed: int) -> RandomFeatures:
        """256 features whose kernel widths suit the rows [sample, axis], half of them for each width.

        Reference: Rahimi & Recht, "Random Features for Large-Scale Kernel Machines", NeurIPS 2007, algorithm 1.
        """
        generator, square = generator_for(seed, "random features"), median_square(rows, seed)
        half = (rows.shape[1], NUM_FEATURES // len(WIDTHS))
        directions = [generator.normal(size=half) * np.sqrt(2.0 / (width * square)) for width in WIDTHS]
        return cls(np.concatenate(directions, axis=1), generator.uniform(0.0, 2.0 * np.pi, NUM_FEATURES))

    def __call__(self, rows: Floats) -> Floats:
        """float64 [sample, feature]."""
        return np.asarray(np.cos(rows @ self.directions + self.phases) * np.sqrt(2.0 / NUM_FEATURES))
