"""Axis: a range with round ticks, and where a value lies in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A range of values with round ticks within."""

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def over(cls, values: Iterable[float], least: float = -math.inf, most: float = math.inf, num_ticks: int = 5) -> Axis:
        """An axis within [least, most], with ends on ticks, that holds the finite values; from 0 to 1 where there are none."""
        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        span = (high - low) or max(abs(high), 1e-3) / 10
        step = _round_step(span / num_ticks)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = [index * step for index in range(first, max(last, first + 1) + 1)]
        low, high = max(least, ticks[0]), min(most, ticks[-1])
        return cls(low, high, tuple(round(tick, 10) for tick in ticks if low - 1e-9 <= tick <= high + 1e-9))

    def at(self, value: float) -> float:
        """The share of the range that lies below a value; 0 or 1 for values outside."""
        if math.isnan(value):
            return 0.0
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
