"""Sub-samples of rows, where all rows would take too long."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Integers


def evenly_spaced(num: int, most: int) -> Integers:
    """At most `most` places among `num`, ascending int64: the first, the last, and places evenly spaced between them.

    All places where there are no more than `most`.
    """
    return np.linspace(0, num - 1, min(num, most)).astype(np.int64)


def random_rows(num: int, most: int, generator: np.random.Generator) -> Integers:
    """At most `most` places among `num` drawn without replacement, ascending int64."""
    return np.sort(generator.permutation(num)[:most])


def every_nth(rows: Integers, most: int) -> Integers:
    """At most `most` of the rows: the first, and every n-th after it for the smallest such n."""
    return rows[:: -(-len(rows) // most)]
