"""Nested parts of labeled rows: each with the classes in proportion and groups whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.types import Integers


def nested_parts(labels: Integers, groups: Integers, sizes: Sequence[int], generator: np.random.Generator) -> list[Integers]:
    """Rows of nested parts, each with the classes in proportion and groups whole, so that sizes are met about.

    Args:
        labels: int64 [row].
        groups: int64 [row].
        sizes: Rows of each part.
        generator: Draws them.

    Returns:
        For each size its rows, int64, ascending; one group at least.
    """
    _, first, numbered, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    drawn, position = generator.permutation(len(first)), np.empty(len(first))
    for label in np.unique(labels[first]):
        own = drawn[labels[first][drawn] == label]
        position[own] = (np.arange(len(own)) + generator.random()) / len(own)
    order = np.argsort(position, kind="stable")
    ends = np.cumsum(counts[order])
    taken = [order[: 1 + int(np.argmin(np.abs(ends - size)))] for size in sizes]
    return [np.flatnonzero(np.isin(numbered, some)) for some in taken]
