"""Stress calibration: an estimate is corrected by how it erred under corruptions that look like what was met."""

from __future__ import annotations

import pytest

from headstart.evaluation.accuracy_estimators import ACCURACY_ESTIMATORS
from headstart.evaluation.intervals import wilson
from headstart.evaluation.stress import StressRow
from headstart.evaluation.stress_calibration import CORRECTED, NEAREST, stress_correction

NAMES = ACCURACY_ESTIMATORS.names()
FAMILIES = ("noise", "blur", "weather")


def row(estimate: float, error: float, family: str) -> StressRow:
    """A condition whose estimates are all the same, with an accuracy above them by `error`."""
    accuracy = wilson(100 * (estimate + error), 100)
    accuracy = accuracy.model_copy(update={"value": estimate + error})
    return StressRow(corruption=family, family=family, strength=1, accuracy=accuracy, estimates=dict.fromkeys(NAMES, estimate))


def conditions(low: float = 0.1, high: float = -0.05) -> list[StressRow]:
    """Estimates that are too low where they are low, and too high where they are high."""
    places = [(0.2 + place / 100, low) for place in range(9)] + [(0.7 + place / 100, high) for place in range(9)]
    return [row(estimate, error, FAMILIES[place % 3]) for place, (estimate, error) in enumerate(places)]


@pytest.mark.parametrize(("estimate", "error"), [(0.24, 0.1), (0.74, -0.05)])
def test_an_estimate_is_corrected_as_those_that_look_like_it_erred(estimate: float, error: float) -> None:
    found = stress_correction(dict.fromkeys(NAMES, estimate), conditions())
    assert found is not None
    assert found.value == pytest.approx(error)
    assert found.half == pytest.approx(0)
    assert found.num_conditions == 18


def test_pictures_as_they_are_correct_but_are_not_counted() -> None:
    found = stress_correction(dict.fromkeys(NAMES, 0.9), [*conditions(), row(0.9, 0.1, "")])
    assert found is not None
    assert found.num_conditions == 18
    assert found.value == pytest.approx((0.1 + 4 * -0.05) / NEAREST)


def test_its_error_is_that_of_families_that_had_no_part_in_it() -> None:
    rows = [row(0.5 + place / 100, 0.1 if family == "blur" else 0.0, family) for family in FAMILIES for place in range(NEAREST)]
    found = stress_correction(dict.fromkeys(NAMES, 0.5), rows)
    assert found is not None
    assert found.half > 0.05  # blur is off by 0.1 for the others, though right for itself


def test_too_little_corrects_nothing() -> None:
    estimates = dict.fromkeys(NAMES, 0.5)
    assert stress_correction(estimates, []) is None
    assert stress_correction(estimates, [row(0.5, 0.1, "blur") for _ in range(9)]) is None  # one family
    assert stress_correction(estimates, [row(0.5, 0.1, ""), *(row(0.5, 0.1, "blur") for _ in range(9))]) is None  # one, and none
    old = [one.model_copy(update={"estimates": {}}) for one in conditions()]
    assert stress_correction(estimates, old) is None
    assert stress_correction({CORRECTED: 0.5}, conditions()) is None  # other estimators
