"""What is worth trying next."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from headstart.core.errors import MissingExtraError
from headstart.core.ranges import Choices, Interval
from headstart.planning.improving.sampler import RANDOM_TRIALS, check_optuna, suggest
from headstart.planning.improving.study import SearchTrial

SPACE = {"lr": Interval(1e-4, 1.0), "count": Interval(2, 9, whole=True), "mix": Choices(("none", "mixup"))}


def trial(lr: float, loss: float, outcome: str = "finished") -> SearchTrial:
    losses = () if outcome in ("failed", "too costly") else (loss + 0.1, loss)
    return SearchTrial(settings={"lr": lr, "count": 4, "mix": "none"}, origin="sampled", outcome=outcome, log_losses=losses)


def test_suggestions_lie_in_the_space_and_follow_the_seed():
    drawn = [suggest(SPACE, [], seed) for seed in range(20)]
    for settings in drawn:
        assert list(settings) == list(SPACE)
        assert all(SPACE[name].holds(value) for name, value in settings.items())
        assert isinstance(settings["count"], int)
    assert suggest(SPACE, [], 3) == drawn[3]
    assert len({settings["lr"] for settings in drawn}) == 20
    assert suggest(SPACE, [], 3 + 2**32) == drawn[3]


def test_wide_ranges_are_drawn_by_order_of_magnitude():
    rates = [suggest(SPACE, [], seed)["lr"] for seed in range(60)]
    assert 0.3 < np.mean(np.array(rates) < 1e-2) < 0.7


def test_suggestions_gather_where_the_loss_was_low():
    rates = np.geomspace(1e-4, 1.0, 16)
    tried = [trial(float(rate), abs(float(np.log10(rate)) + 2)) for rate in rates]
    drawn = [suggest(SPACE, tried, seed)["lr"] for seed in range(25)]
    assert np.mean([1e-3 < rate < 1e-1 for rate in drawn]) > 0.8


@pytest.mark.parametrize("outcome", ["failed", "too costly"])
def test_trials_without_a_loss_tell_nothing(outcome):
    tried = [trial(1e-2, 0.5, outcome)] * (RANDOM_TRIALS + 4)
    assert suggest(SPACE, tried, 5) == suggest(SPACE, [], 5)


def test_a_pruned_trial_speaks_against_its_settings():
    finished = [trial(float(rate), 1.0) for rate in np.geomspace(1e-4, 1e-2, 8)]
    pruned = [trial(float(rate), 2.0, "pruned") for rate in np.geomspace(2e-2, 1.0, 8)]
    drawn = [suggest(SPACE, finished + pruned, seed)["lr"] for seed in range(25)]
    assert np.mean(np.array(drawn) < 2e-2) > 0.7


def test_without_optuna_the_extra_is_named(monkeypatch):
    check_optuna()
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError) as caught:
        check_optuna()
    assert str(caught.value) == 'optuna is not installed. Install it with `pip install "headstart[search]"`.'
