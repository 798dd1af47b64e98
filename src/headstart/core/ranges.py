"""Ranges: the values of a setting that are searched, read from the declaration of the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

LOG_RATIO = 100.0
"""Ratio of the ends, two decades, from which a range is searched on a logarithmic scale."""
OPEN_END = 0.01
"""Distance of a range from an end that is itself excluded, as a fraction of its length."""


@dataclass(frozen=True)
class Searched:
    """Marks a field that is worth searching: `Annotated[float, Field(gt=0, le=10), Searched(1e-4, 1e-2)]`.

    Attributes:
        low: Smallest value worth trying; None for the smallest that is allowed.
        high: Largest value worth trying; None for the largest that is allowed.
    """

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included; only integers where `whole`."""

    low: float
    high: float
    whole: bool = False

    @property
    def log(self) -> bool:
        """Whether values are searched on a logarithmic scale."""
        return self.low > 0 and self.high / self.low >= LOG_RATIO

    def containing(self, value: Any) -> Interval:
        """The interval, stretched to the value."""
        return Interval(min(self.low, value), max(self.high, value), self.whole)

    def holds(self, value: Any) -> bool:
        """Whether the value lies in it."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """One of a few values."""

    values: tuple[Any, ...]

    def containing(self, value: Any) -> Choices:
        """The choices, and the value."""
        return self if value in self.values else Choices((*self.values, value))

    def holds(self, value: Any) -> bool:
        """Whether the value is among them."""
        return value in self.values


Range: TypeAlias = Interval | Choices


def ranges_of(record: type[BaseModel], marked_only: bool = False) -> dict[str, Range]:
    """The range of each field of a record class, in the order of the fields.

    Fields with a choice of words, booleans, and numbers bounded on both sides have a range. `Searched` narrows it, or bounds one
    that is open; with `marked_only` other fields are left out.
    """
    shown = record.model_json_schema().get("properties", {})
    found = {}
    for name, field in record.model_fields.items():
        mark = next((item for item in field.metadata if isinstance(item, Searched)), None)
        allowed = None if marked_only and mark is None else _range_of(shown[name], mark or Searched())
        if allowed is not None:
            found[name] = allowed
    return found


def _range_of(shown: dict[str, Any], mark: Searched) -> Range | None:
    """The range of a field, from its JSON schema."""
    if "enum" in shown:
        return Choices(tuple(shown["enum"]))
    if shown.get("type") == "boolean":
        return Choices((False, True))
    if shown.get("type") not in ("integer", "number"):
        return None
    whole = shown["type"] == "integer"
    least, most = _ends(shown, whole)
    low, high = least if mark.low is None else mark.low, most if mark.high is None else mark.high
    return Interval(low, high, whole) if math.isfinite(low) and math.isfinite(high) else None


def _ends(shown: dict[str, Any], whole: bool) -> tuple[float, float]:
    """The smallest and the largest number that a JSON schema allows; infinite where nothing bounds them."""
    least = shown.get("minimum", shown.get("exclusiveMinimum", -math.inf))
    most = shown.get("maximum", shown.get("exclusiveMaximum", math.inf))
    margin = 1 if whole else OPEN_END * (most - least)
    low = least + margin if "exclusiveMinimum" in shown else least
    high = most - margin if "exclusiveMaximum" in shown else most
    return low, high
