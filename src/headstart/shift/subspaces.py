"""Subspaces: principal directions of a domain."""

from __future__ import annotations

import numpy as np

from headstart.core.linear_algebra import symmetric_eigen
from headstart.core.types import Floats


def leading_directions(rows: Floats, num: int) -> Floats:
    """At most `num` orthonormal directions in which rows [sample, axis] vary most, float64 [axis, direction], largest first."""
    centered = rows - rows.mean(axis=0)
    return np.asarray(symmetric_eigen(centered.T @ centered)[1][:, ::-1][:, :num])
