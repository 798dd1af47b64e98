import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.report.axis import Axis


def test_ends_lie_on_round_ticks():
    axis = Axis.over([0.412, 0.96], least=0.0, most=1.0)
    assert axis.ticks == (0.4, 0.6, 0.8, 1.0)
    assert (axis.low, axis.high) == (0.4, 1.0)


def test_no_value_gives_the_unit_interval():
    assert (Axis.over([]).low, Axis.over([math.nan]).high) == (0.0, 1.0)


def test_values_outside_stay_on_the_page():
    axis = Axis.over([0.0, 1.0])
    assert (axis.at(-3), axis.at(0.25), axis.at(7), axis.at(math.nan)) == (0.0, 0.25, 1.0, 0.0)


@pytest.mark.slow
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9))
def test_every_value_is_held(values):
    axis = Axis.over(values)
    assert axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 13
    span = axis.high - axis.low
    assert all(axis.low - 1e-6 * span <= value <= axis.high + 1e-6 * span for value in values)


def test_a_single_value_still_has_a_range():
    axis = Axis.over([0.0])
    assert axis.low <= 0.0 < axis.high
    assert axis.at(0.0) == pytest.approx(0.0, abs=0.6)
