"""Which candidate of a kind is fitted where the comparison is a tie."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headstart.core.estimate import Estimate
from headstart.planning.deciding import selection
from headstart.planning.deciding.selection import best_transfer, chosen_of
from headstart.planning.results import Comparison


def one(family: str, *members: str) -> SimpleNamespace:
    candidate = SimpleNamespace(pretrained="pixels", members=[SimpleNamespace(family=each) for each in members or [family]])
    return SimpleNamespace(result=SimpleNamespace(family=family), candidate=candidate)


def gaining(points: float, significant: bool, num_rows: int = 600) -> SimpleNamespace:
    return SimpleNamespace(accuracy_gain=SimpleNamespace(value=points / 100), significant=significant, num_rows=num_rows)


TRANSFER, BASELINE, SCRATCH, CHANCE = one("transfer"), one("baseline"), one("scratch"), one("chance")
MIX, TRANSFERS = one("transfer", "scratch", "transfer"), one("transfer", "transfer", "transfer")


@pytest.mark.parametrize(
    ("verdict", "without", "points", "significant", "chosen"),
    [
        ("transfer", BASELINE, 5, True, TRANSFER),
        ("scratch", BASELINE, -5, False, BASELINE),
        ("scratch", SCRATCH, -5, False, SCRATCH),
        ("no difference", BASELINE, -3, False, TRANSFER),
        ("no difference", SCRATCH, 0.5, False, SCRATCH),
        ("no difference", SCRATCH, 0.5, True, TRANSFER),
        ("no difference", SCRATCH, 1.5, False, TRANSFER),
        ("no difference", CHANCE, -3, False, TRANSFER),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_on_a_tie_only_a_small_network_replaces_transfer(verdict, without, points, significant, chosen):
    assert chosen_of(verdict, TRANSFER, without, gaining(points, significant), 1500) is chosen


@pytest.mark.parametrize(
    ("verdict", "best", "chosen"),
    [("no difference", MIX, MIX), ("no difference", TRANSFERS, SCRATCH), ("scratch", MIX, SCRATCH), ("transfer", MIX, MIX)],
)
def test_on_a_tie_an_ensemble_with_the_network_from_scratch_replaces_it(verdict, best, chosen):
    assert chosen_of(verdict, best, SCRATCH, gaining(-0.5, False), 1500) is chosen


@pytest.mark.parametrize(("num_shared", "num_rows", "chosen"), [(24, 120, TRANSFER), (120, 120, SCRATCH), (599, 1500, TRANSFER)])
def test_a_tie_on_the_rows_of_a_few_folds_does_not_replace_transfer(num_shared, num_rows, chosen):
    assert chosen_of("no difference", TRANSFER, SCRATCH, gaining(0.0, False, num_shared), num_rows) is chosen


@pytest.mark.parametrize(("num", "chosen"), [(1, "challenger 0"), (3, "closed")])
def test_a_gain_that_one_try_shows_is_not_enough_for_the_best_of_three(monkeypatch, num, chosen):
    # 1.8 standard errors: beyond the one-sided 5 % of one try, not beyond a third of it.
    gain = Comparison(
        better="a", worse="b", accuracy_gain=Estimate(value=0.03, low=0.0, high=0.06), num_rows=100, p_value=0.04,
        log_loss_gain=Estimate(value=0.18, low=0.18 - 0.196, high=0.18 + 0.196), significant=True,
    )  # fmt: skip
    closed = SimpleNamespace(result=SimpleNamespace(name="closed"), temperature=None)
    tried = [
        SimpleNamespace(result=SimpleNamespace(name=f"challenger {n}", family="transfer"), temperature=1.0) for n in range(num)
    ]
    monkeypatch.setattr(selection, "best_closed", lambda validated, trusted: closed)
    monkeypatch.setattr(selection, "side_of", lambda one: one)
    met = []
    monkeypatch.setattr(selection, "compared", lambda first, second, seed: met.append(second.result.name) or gain)
    best, made = best_transfer(tried, False, 0)
    assert best.result.name == chosen
    assert [one.significant for one in made] == [num == 1] * num
