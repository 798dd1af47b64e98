"""Estimate: a number with its 95 % interval."""

from __future__ import annotations

from headstart.core.records import Record


class Estimate(Record):
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
