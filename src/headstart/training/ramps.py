"""Ramps: weights that grow from 0 to 1 over a part of the training."""

from __future__ import annotations

import math


def linear_ramp(progress: float, begin: float, end: float) -> float:
    """0 up to `begin`, 1 from `end` on, a straight line between; all are shares of the training."""
    return min(1.0, max(0.0, (progress - begin) / (end - begin)))


def gaussian_ramp(progress: float, end: float) -> float:
    """exp(-5 (1 - t)^2), where t is the share of the way to `end` that is done; 1 from there on.

    Reference: Laine & Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, section 2.1 and appendix A.
    """
    return math.exp(-5 * (1 - min(1.0, progress / end)) ** 2)


def cosine_ramp(progress: float, end: float) -> float:
    """(1 - cos(pi t)) / 2, where t is the share of the way to `end` that is done; 1 from there on.

    Reference: Berthelot et al., "AdaMatch", ICLR 2022, section 3.4.
    """
    return (1 - math.cos(math.pi * min(1.0, progress / end))) / 2
