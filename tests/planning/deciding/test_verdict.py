"""The verdict's rule, by cases and by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.predictions import Predictions, joined
from headstart.planning.deciding import verdict
from headstart.planning.deciding.verdict import Side, advantage, compared, verdict_of, wins


def margins(num: int, wrong: int, size: float = 2.0) -> np.ndarray:
    """Margins of `num` rows, the first `wrong` of which are wrong."""
    return np.where(np.arange(num) < wrong, -size, size)


def judged(transfer: Side, without: Side, chance: Side, seed: int = 0):
    """The verdict where nothing was combined."""
    return verdict_of(transfer, transfer, without, chance, seed)


@pytest.fixture
def side(make_predictions):
    return lambda name, *rest: Side(name, make_predictions(*rest))


@pytest.fixture
def chance(side):
    return side("chance", np.zeros(200))


def test_transfer_when_it_is_better_beyond_noise(side, chance):
    verdict, made = judged(side("net", margins(200, 12)), side("pixels", margins(200, 60)), chance)
    assert verdict == "transfer"
    assert [(one.better, one.worse) for one in made] == [("net", "pixels"), ("net", "chance")]
    assert made[0].accuracy_gain.value == pytest.approx(0.24)


@pytest.mark.slow
def test_scratch_when_the_other_is_and_the_first_comparison_stays_transfer_first(side, chance):
    verdict, made = judged(side("net", margins(200, 60)), side("small", margins(200, 12)), chance)
    assert verdict == "scratch"
    assert [(one.better, one.worse) for one in made] == [("net", "small"), ("small", "net"), ("small", "chance")]
    assert made[0].accuracy_gain.value == pytest.approx(-0.24)


def test_no_difference_between_equals(side, chance):
    verdict, made = judged(side("net", margins(200, 12)), side("small", margins(200, 12)), chance)
    assert verdict == "no difference"
    assert not made[0].significant
    assert made[0].p_value == 1


@pytest.mark.parametrize(("errors", "significant"), [(1.7, False), (2.3, False), (2.5, True)])
def test_a_verdict_asks_for_more_than_held_out_rows_alone_show(errors, significant, side):
    plain = compared(side("net", margins(200, 12)), side("pixels", margins(200, 60)), 0)
    assert plain.significant
    gain = plain.log_loss_gain.model_copy(update={"value": errors, "low": errors - 1.96, "high": errors + 1.96})
    widened = verdict.with_fold_noise(plain.model_copy(update={"log_loss_gain": gain}))
    assert widened.significant is significant
    assert (widened.log_loss_gain.low > 0) is significant
    assert widened.log_loss_gain.high - widened.log_loss_gain.low == pytest.approx(2 * verdict.VERDICT_ERRORS)
    assert not verdict.with_fold_noise(plain.model_copy(update={"significant": False})).significant


def test_less_than_a_point_is_no_difference_however_sure(side, chance):
    sharp, flat = margins(200, 12, 3.0), margins(200, 13, 1.0)
    forth = compared(side("net", sharp), side("small", flat), 0)
    assert forth.significant
    assert forth.accuracy_gain.value == pytest.approx(0.005)
    assert not wins(forth)
    assert judged(side("net", sharp), side("small", flat), chance)[0] == "no difference"


@pytest.mark.parametrize("swapped", [False, True])
def test_beating_a_worse_one_at_chance_is_no_success(side, chance, swapped):
    timid, bold = side("timid", margins(200, 96, 0.1)), side("bold", margins(200, 110, 4.0))
    verdict, made = judged(*((bold, timid) if swapped else (timid, bold)), chance)
    assert wins(made[-2])
    assert not wins(made[-1])
    assert verdict == "no difference"


def test_only_rows_that_both_were_cross_validated_on_count(side):
    comparison = compared(side("net", margins(120, 10)), side("small", margins(70, 5), None, 50), 0)
    assert comparison.num_rows == 70


def test_the_seed_decides_the_intervals(side):
    one, two = side("net", margins(200, 30, 1.0)), side("small", margins(200, 33, 1.3))
    assert compared(one, two, 1) == compared(one, two, 1)
    assert compared(one, two, 1).log_loss_gain != compared(one, two, 2).log_loss_gain


@pytest.mark.slow
def test_equal_models_and_noise_win_in_at_most_six_of_a_hundred(monkeypatch):
    """methods.md, section 2 (c): both rules, one-sided each way, in 1,000 null simulations of 100 rows."""
    monkeypatch.setattr("headstart.evaluation.compare.DRAWS", 500)
    rng = np.random.default_rng(23)
    names = tuple(str(row) for row in range(100))
    forth = verdicts = 0
    for seed in range(1000):
        labels = rng.integers(0, 2, 100)
        common = rng.normal(0.0, 1.0, 100)
        sides = []
        for name in ("net", "small"):
            scores = np.stack([np.zeros(100), common + rng.normal(0, 0.7, 100)], axis=1)
            probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            sides.append(Side(name, Predictions(names, ("yes", "no"), labels, probs, probs, np.arange(100))))
        half = np.full((100, 2), 0.5)
        chance = Side("chance", Predictions(names, ("yes", "no"), labels, half, half, np.arange(100)))
        verdict, made = judged(*sides, chance, seed)
        forth += wins(made[0])
        verdicts += verdict != "no difference"
    assert forth <= 60
    assert verdicts <= 60


def test_advantage_counts_standard_errors_and_takes_a_group_as_one_row(make_predictions):
    generator = np.random.default_rng(3)
    first, second = make_predictions(generator.normal(1, 1, 41)), make_predictions(generator.normal(0.5, 1, 41))
    differences = second.log_losses - first.log_losses
    alone = differences.mean() / (differences.std() / np.sqrt(41))
    assert advantage(Side("a", first), Side("b", second)) == pytest.approx(alone)
    twice = [joined([side, replace(side, names=tuple(f"{name}+" for name in side.names))]) for side in (first, second)]
    assert advantage(Side("a", twice[0]), Side("b", twice[1])) == pytest.approx(alone)
    assert advantage(Side("a", first), Side("b", first)) == 0.0


def test_scratch_has_to_beat_what_transfers_alone_and_not_the_ensemble_that_it_is_part_of(side, chance):
    transfer, without, both = (side(name, margins(200, wrong)) for name, wrong in (("net", 60), ("small", 12), ("both", 11)))
    verdict, made = verdict_of(both, transfer, without, chance, 0)
    assert verdict == "scratch"
    assert [(one.better, one.worse) for one in made] == [("both", "small"), ("small", "net"), ("small", "chance")]
    better = side("both", margins(200, 2, 3.0))
    assert verdict_of(better, transfer, without, chance, 0)[0] == "transfer"
