"""Spacing: which of many rows are looked at where all would take too long."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Integers


def evenly_spaced(num: int, most: int) -> Integers:
    """Places among `num`, the first and the last among them, as far from one another as can be.

    Args:
        num: How many there are.
        most: How many are wanted at most.

    Returns:
        int64 [at most `most`], ascending; all places where there are no more.
    """
    return np.linspace(0, num - 1, min(num, most)).astype(np.int64)
