"""Ranges read from the lines that declare fields."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from headstart.core.ranges import Choices, Interval, Searched, ranges_of


class Settings(BaseModel):
    """Every kind of field."""

    depth: Literal["late", "middle"] = "late"
    flip: bool = False
    rate: Annotated[float, Field(gt=0, le=10), Searched(1e-4, 1e-2)] = 1e-3
    share: Annotated[float, Field(gt=0, lt=2)] = 0.5
    closed: Annotated[float, Field(ge=0, le=2)] = 0.5
    count: Annotated[int, Field(gt=2, lt=9)] = 4
    lower: Annotated[int, Field(ge=3), Searched(high=7)] = 4
    open_ended: Annotated[float, Field(ge=0)] = 1.0
    name: str = "x"
    mix: Annotated[Literal["none", "mixup"], Searched()] = "none"


def test_each_field_has_the_range_that_its_line_declares():
    assert ranges_of(Settings) == {
        "depth": Choices(("late", "middle")),
        "flip": Choices((False, True)),
        "rate": Interval(1e-4, 1e-2),
        "share": Interval(0.02, 1.98),
        "closed": Interval(0.0, 2.0),
        "count": Interval(3, 8, whole=True),
        "lower": Interval(3, 7, whole=True),
        "mix": Choices(("none", "mixup")),
    }


def test_marked_only_leaves_out_the_rest():
    assert list(ranges_of(Settings, marked_only=True)) == ["rate", "lower", "mix"]


@pytest.mark.parametrize(("low", "high", "log"), [(1e-4, 1e-2, True), (0.01, 0.9, False), (0.0, 100.0, False), (8, 800, True)])
def test_ends_two_decades_apart_are_searched_by_order_of_magnitude(low, high, log):
    assert Interval(low, high).log is log


def test_an_interval_is_stretched_to_a_value_outside():
    assert Interval(2, 5).containing(7) == Interval(2, 7)
    assert Interval(2, 5).containing(1) == Interval(1, 5)
    assert Interval(2, 5).containing(3) == Interval(2, 5)
    assert Choices((1, 2)).containing(3) == Choices((1, 2, 3))
    assert Choices((1, 2)).containing(2) == Choices((1, 2))


@pytest.mark.parametrize(("value", "held"), [(2, True), (5.0, True), (5.1, False), (True, False), ("3", False), (None, False)])
def test_an_interval_holds_numbers_between_its_ends(value, held):
    assert Interval(1, 5).holds(value) is held


def test_choices_hold_their_values():
    assert Choices(("a", "b")).holds("b")
    assert not Choices(("a", "b")).holds("c")
