from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.ramps import cosine_ramp, gaussian_ramp, linear_ramp

share = st.floats(0, 1)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.2, 0.0), (0.3, 0.2), (0.5, 0.6), (0.7, 1.0), (1.0, 1.0)])
def test_a_linear_ramp_by_hand(progress: float, expected: float) -> None:
    assert linear_ramp(progress, 0.2, 0.7) == pytest.approx(expected)


@pytest.mark.parametrize(("progress", "power"), [(0.0, -5), (0.2, -1.25), (0.4, 0), (0.9, 0)])
def test_a_gaussian_ramp_by_hand(progress: float, power: float) -> None:
    assert gaussian_ramp(progress, 0.4) == pytest.approx(math.exp(power))


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 0.0), (0.125, (1 - math.sqrt(0.5)) / 2), (0.25, 0.5), (0.5, 1), (0.8, 1)]
)
def test_a_cosine_ramp_by_hand(progress: float, expected: float) -> None:
    assert cosine_ramp(progress, 0.5) == pytest.approx(expected, abs=1e-12)


@given(share, share, st.floats(0.05, 1))
@pytest.mark.parametrize("ramp", [cosine_ramp, gaussian_ramp, lambda progress, end: linear_ramp(progress, 0.0, end)])
def test_ramps_never_fall_and_stay_within_0_and_1(
    ramp: Callable[[float, float], float], first: float, second: float, end: float
) -> None:
    low, high = ramp(min(first, second), end), ramp(max(first, second), end)
    assert 0 <= low <= high <= 1
    assert ramp(end, end) == pytest.approx(1)
