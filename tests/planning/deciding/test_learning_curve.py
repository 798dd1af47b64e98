"""The learning curve finds a planted one within its interval, and knows what it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.planning.deciding.learning_curve import OtherErrors, SubsetErrors, error_at, fit_curve


def planted(error, num_rows: int = 600, sizes=(120, 240, 480), seed: int = 0, per_group: int = 1) -> SubsetErrors:
    """Rows that each part gets wrong where a number of their own, shared by all parts, is below the error at its size."""
    generator = np.random.default_rng(seed)
    shared = np.repeat(generator.uniform(size=num_rows // per_group), per_group)
    wrong = np.stack([shared < error(size) for size in sizes])
    return SubsetErrors(np.array(sizes, float), wrong, np.arange(num_rows) // per_group, np.arange(num_rows) % 5)


@pytest.mark.parametrize(
    "error",
    [lambda size: 0.05 + 2.5 * size**-0.5, lambda size: 0.6 - 0.07 * np.log(size), lambda size: 4.0 * size**-0.5],
    ids=["power law", "logarithm", "without asymptote"],
)
def test_a_planted_curve_is_within_the_interval_at_twice_and_four_times_the_labels(error):
    covered = near = 0
    for seed in range(20):
        curve = fit_curve(planted(error, seed=seed))
        for factor in (2.0, 4.0):
            forecast, true = curve.forecast(600, factor), error(600) - error(round(600 * factor))
            covered += forecast.gain.low <= true <= forecast.gain.high
            near += abs(forecast.gain.value - true) < 0.04
    assert covered >= 36
    assert near >= 34


def test_a_flat_curve_expects_little_and_never_a_negative_error():
    curve = fit_curve(planted(lambda _: 0.2))
    assert curve.forecast(600, 4.0).gain.value < 0.05
    assert curve.forecast(600, 4.0).gain.low < 0.01
    none = fit_curve(planted(lambda _: 0.0)).forecast(600, 4.0)
    assert none.gain.high < 0.02
    assert none.accuracy.high <= 1.0


def test_gains_grow_with_labels_and_so_does_what_is_unknown():
    curve = fit_curve(planted(lambda size: 0.05 + 2.5 * size**-0.5))
    gains = [curve.forecast(600, factor).gain for factor in (1.5, 2.0, 4.0)]
    assert gains[0].value < gains[1].value < gains[2].value
    assert gains[0].high - gains[0].low < gains[2].high - gains[2].low
    errors = [one.error.value for one in curve.drawn(120, 2_400)]
    assert errors == sorted(errors, reverse=True)


def test_a_bias_moves_what_is_expected_of_accuracy_and_not_of_gains():
    parts = planted(lambda size: 0.05 + 2.5 * size**-0.5)
    plain, moved = (fit_curve(parts, None, bias).forecast(600, 2.0) for bias in (0.0, 0.02))
    assert moved.accuracy.value == pytest.approx(plain.accuracy.value - 0.02)
    assert moved.accuracy.high == pytest.approx(plain.accuracy.high - 0.02)
    assert moved.gain == plain.gain


def test_the_accuracy_is_less_certain_than_that_of_a_test_of_as_many_images():
    curve = fit_curve(planted(lambda _: 0.2))
    as_of_a_test = replace(curve, level_std=0.0)
    found, narrower = (one.forecast(600, 1.5).accuracy for one in (curve, as_of_a_test))
    assert 1.15 < (found.high - found.low) / (narrower.high - narrower.low) < 1.4


def test_fewer_rows_and_rows_in_groups_leave_more_unknown():
    def width(**facts) -> float:
        found = fit_curve(planted(lambda size: 0.05 + 2.5 * size**-0.5, **facts)).error(600)
        return found.high - found.low

    assert width(num_rows=150) > 1.3 * width()
    assert width(per_group=6) > 1.3 * width()


def test_the_curve_of_another_recipe_is_scaled_to_the_error_of_the_model():
    parts = planted(lambda size: 0.05 + 2.5 * size**-0.5)
    other = np.arange(600) % 20 == 0
    own, scaled = fit_curve(parts), fit_curve(parts, OtherErrors(other, np.arange(600)))
    ratio = scaled.error(480).value / own.error(480).value
    assert ratio == pytest.approx(0.05 / parts.wrong[-1].mean(), rel=0.1)
    gains = own.forecast(600, 2.0).gain, scaled.forecast(600, 2.0).gain
    assert gains[1].value == pytest.approx(ratio * gains[0].value, rel=0.15)
    assert (gains[1].high - gains[1].low) / gains[1].value > (gains[0].high - gains[0].low) / gains[0].value


def test_a_scaled_curve_is_no_more_certain_than_the_model_that_it_is_scaled_to():
    def widths(per_group: int) -> tuple[float, float]:
        parts = planted(lambda size: 0.05 + 2.5 * size**-0.5, per_group=per_group)
        curves = fit_curve(parts), fit_curve(parts, OtherErrors(parts.wrong[-1], parts.groups))
        found = [curve.error(480) for curve in curves]
        return found[0].high - found[0].low, found[1].high - found[1].low

    grouped, single = widths(6), widths(1)
    assert grouped[1] > 1.5 * single[1]
    assert grouped[1] > grouped[0]
    assert single[1] > single[0]


def test_the_exponent_zero_is_the_logarithm():
    near, zero = (error_at(3.0, np.array([0.2]), np.array([0.3]), np.array([one])) for one in (1e-6, 0.0))
    assert near == pytest.approx(zero, rel=1e-5)
    assert zero == pytest.approx(0.2 * (1 - 0.3 * np.log(3)))
