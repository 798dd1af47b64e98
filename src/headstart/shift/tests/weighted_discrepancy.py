"""Weighted discrepancy: do importance weights of source rows explain the target?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.shift.random_features import RandomFeatures

DRAWS = 300
"""Of the bootstrap, whose mean is then known to a few per cent."""


class WeightedDiscrepancy(NamedTuple):
    """The squared distance of mean random features over its expectation by chance, and Kish's effective sample size."""

    ratio: float
    num_effective: float


def weighted_discrepancy(source: Floats, target: Floats, weights: Floats, seed: int) -> WeightedDiscrepancy:
    """How far source rows [source, axis], weighted by `weights` [source], are from target rows [target, axis].

    The ratio is about 1 or below where the weights explain the target; with a few effective rows it says nothing.

    Reference: the distance is the maximum mean discrepancy of Gretton et al., JMLR 2012, beside a multiplier bootstrap; the
        effective number that of Kish, "Survey Sampling", 1965.
    """
    features = RandomFeatures.of(np.concatenate([source, target]), seed)
    here, there, shares = features(source), features(target), weights / weights.sum()
    mean = shares @ here
    gap = there.mean(axis=0) - mean
    generator = generator_for(seed, "weighted gap")
    draws = generator.standard_normal((DRAWS, len(there))) @ (there - there.mean(axis=0)) / len(there)
    draws -= generator.standard_normal((DRAWS, len(here))) @ ((here - mean) * shares[:, None])
    chance = float((draws**2).sum(axis=1).mean())
    return WeightedDiscrepancy(float(gap @ gap) / max(chance, 1e-300), float(1.0 / (shares**2).sum()))
