"""Weighted gap: whether source rows, each counted by its weight, pass for the target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.shift.random_features import RandomFeatures

DRAWS = 300


class WeightedDiscrepancy(NamedTuple):
    """What weights leave.

    Attributes:
        ratio: The squared gap between mean random features over what chance alone would leave.
        num_effective: How many rows of equal weight would tell as much.
    """

    ratio: float
    num_effective: float


def weighted_discrepancy(source: Floats, target: Floats, weights: Floats, seed: int) -> WeightedDiscrepancy:
    """How far weighted source rows are from the target.

    Args:
        source: float [source, axis].
        target: float [target, axis].
        weights: float [source], at least 0 and not all 0.
        seed: Of features and draws.

    Returns:
        The gap. Below 1 where the weights explain the target; a few effective rows explain nothing, whatever the ratio.

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
