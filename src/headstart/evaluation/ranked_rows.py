"""Ranked rows: out-of-fold predictions sorted once by their certainty, with what tests of each threshold need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from headstart.core.types import Floats, Integers


@dataclass(frozen=True)
class RankedRows:
    """Sums over the most certain rows, for each number of rows that are answered. In each group all its rows weigh 1 together.

    Attributes:
        ascending: The certainties, float64 [sample].
        num_units: Number of groups among so many most certain rows, int64 [sample + 1].
        answered: Weight of so many most certain rows, float64 [sample + 1].
        wrong: Weight of those among them that are wrong, float64 [sample + 1].
    """

    ascending: Floats = field(repr=False)
    num_units: Integers = field(repr=False)
    answered: Floats = field(repr=False)
    wrong: Floats = field(repr=False)

    @classmethod
    def of(cls, confidence: Floats, correct: Floats, groups: Integers) -> Self:
        """Those of rows that are `correct`, 0 or 1, and have a `confidence`, float [sample] both, in `groups`, int64 [sample]."""
        order = np.argsort(-confidence, kind="stable")
        _, first, unit, counts = np.unique(groups[order], return_index=True, return_inverse=True, return_counts=True)
        weights = 1.0 / counts[unit]
        is_first = np.zeros(len(order), np.int64)
        is_first[first] = 1
        sums = (is_first, weights, weights * (1 - np.asarray(correct, np.float64)[order]))
        return cls(confidence[order][::-1], *(np.concatenate([np.zeros(1, one.dtype), np.cumsum(one)]) for one in sums))

    @property
    def are_single(self) -> bool:
        """Whether each row is its own group."""
        return int(self.num_units[-1]) == len(self.ascending)

    def size_at(self, threshold: float) -> int:
        """The number of rows whose certainty reaches a threshold."""
        return len(self.ascending) - int(np.searchsorted(self.ascending, threshold))
