"""Two-sample test: do source and target rows have one distribution?"""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.shift.random_features import RandomFeatures

DRAWS = 300
"""Of the bootstrap: the smallest p-value is then 0.003."""


def same_distribution(source: Floats, target: Floats, seed: int) -> float:
    """The p-value of the hypothesis that the rows [source, axis] and [target, axis] have one distribution.

    The squared distance of mean random features is compared with a multiplier bootstrap of none; `seed` decides features and
    draws.

    Reference: the distance is the maximum mean discrepancy of Gretton et al., "A Kernel Two-Sample Test", JMLR 2012; the
        bootstrap that of Chwialkowski, Sejdinovic & Gretton, "A wild bootstrap for degenerate kernel tests", NeurIPS 2014.
    Differs: random features take the place of kernels.
    """
    features = RandomFeatures.of(np.concatenate([source, target]), seed)
    here, there = features(source), features(target)
    square = float(((there.mean(axis=0) - here.mean(axis=0)) ** 2).sum())
    generator = generator_for(seed, "one domain")
    draws = _multiplied(generator, there) - _multiplied(generator, here)
    return float((1 + ((draws**2).sum(axis=1) >= square).sum()) / (1 + DRAWS))


def _multiplied(generator: np.random.Generator, rows: Floats) -> Floats:
    """Means of centered rows, each with a random multiplier, float64 [draw, feature]."""
    return np.asarray(generator.standard_normal((DRAWS, len(rows))) @ (rows - rows.mean(axis=0)) / len(rows))
