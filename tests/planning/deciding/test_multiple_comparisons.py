"""What the chosen one among many must clear."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.planning.deciding.multiple_comparisons import level_of_best, level_of_nth, significant_at
from headstart.planning.deciding.verdict import Side, advantage, compared
from headstart.planning.results import Comparison


def comparison(gain: float, half: float, significant: bool = True) -> Comparison:
    same = Estimate(value=0.0, low=0.0, high=0.0)
    loss = Estimate(value=gain, low=gain - half, high=gain + half)
    return Comparison(
        better="new", worse="old", accuracy_gain=same, log_loss_gain=loss, p_value=1.0, significant=significant, num_rows=100
    )


def test_the_best_of_many_gets_an_equal_share_of_the_error():
    assert [level_of_best(number) for number in (0, 1, 4)] == [0.05, 0.05, 0.0125]


def test_a_row_of_changes_however_long_stays_below_five_in_a_hundred():
    assert level_of_nth(1) == 0.025
    assert level_of_nth(3) == pytest.approx(0.05 / 12)
    total = sum(map(level_of_nth, range(1, 100_000)))
    assert 0.0499 < total < 0.05


@pytest.mark.parametrize(("errors", "level"), [(1.645, 0.05), (1.96, 0.025), (2.576, 0.005)])
def test_the_bound_is_that_of_the_normal_distribution(errors, level):
    half = 1.959964
    assert significant_at(comparison(errors + 0.001, half), level)
    assert not significant_at(comparison(errors - 0.001, half), level)


def test_what_the_bootstrap_itself_does_not_call_better_is_never_ahead():
    assert not significant_at(comparison(9.0, 1.0, significant=False), 0.05)


@pytest.mark.slow
def test_the_best_of_twelve_that_are_all_alike_passes_in_at_most_five_of_a_hundred(monkeypatch):
    """Without the share, it passes in more than a fifth."""
    monkeypatch.setattr("headstart.evaluation.compare.DRAWS", 400)
    rng = np.random.default_rng(7)
    names, rows = tuple(map(str, range(90))), np.arange(90)
    plain = shared = 0
    for seed in range(300):
        labels = rng.integers(0, 2, 90)
        common = rng.normal(0.0, 1.0, 90) + (2 * labels - 1)
        sides = []
        for number in range(13):
            ones = 1 / (1 + np.exp(-common - rng.normal(0, 0.7, 90)))
            probs = np.stack([1 - ones, ones], axis=1)
            sides.append(Side(str(number), Predictions(names, ("no", "yes"), labels, probs, probs, rows)))
        best = max(sides[1:], key=lambda side: advantage(side, sides[0]))
        made = compared(best, sides[0], seed)
        plain += significant_at(made, 0.05)
        shared += significant_at(made, level_of_best(12))
    assert shared <= 15
    assert plain > 60
