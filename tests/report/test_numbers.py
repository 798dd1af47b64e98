import doctest

import pytest

from headstart.core.estimate import Estimate
from headstart.report import numbers


def test_examples_hold():
    assert doctest.testmod(numbers).failed == 0


def test_signs_are_true_minus_signs_and_zero_has_none():
    assert numbers.points(-0.00001) == "0.0"
    assert numbers.signed(-0.1234) == "−0.123"
    assert numbers.points_range(Estimate(value=0, low=-0.013, high=0.02)) == "−1.3 to +2.0"
    assert numbers.points(float("nan")) == numbers.percent(float("nan")) == numbers.percent(None) == "–"
    assert numbers.decimal(None) == numbers.decimal(float("nan")) == "–"
    assert numbers.decimal(-1.5) == "−1.500"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0994, "99 ms"), (0.0996, "0.1 s"), (9.96, "10 s"), (59.7, "1 min"), (300, "5 min"), (3599.6, "1 h 00 min")],
)
def test_durations_never_show_sixty_of_a_unit(seconds, text):
    assert numbers.duration(seconds) == text


def test_tiny_p_values_are_bounded():
    assert (numbers.p_value(3e-21), numbers.p_value(0.54)) == ("< 0.0001", "0.54")
