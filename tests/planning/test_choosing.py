"""Which candidate of a kind is fitted where the comparison is a tie."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headstart.planning.choosing import chosen_of


def one(family: str) -> SimpleNamespace:
    return SimpleNamespace(rung=SimpleNamespace(family=family), candidate=SimpleNamespace(pretrained="pixels"))


def gaining(points: float) -> SimpleNamespace:
    return SimpleNamespace(accuracy_gain=SimpleNamespace(value=points / 100))


TRANSFER, CANARY, SCRATCH, CHANCE = one("transfer"), one("canary"), one("scratch"), one("chance")


@pytest.mark.parametrize(
    ("verdict", "without", "points", "chosen"),
    [
        ("transfer", CANARY, 5, TRANSFER),
        ("scratch", CANARY, -5, CANARY),
        ("scratch", SCRATCH, -5, SCRATCH),
        ("no difference", CANARY, -3, TRANSFER),
        ("no difference", SCRATCH, 0.5, SCRATCH),
        ("no difference", SCRATCH, 1.5, TRANSFER),
        ("no difference", CHANCE, -3, TRANSFER),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_on_a_tie_only_a_small_network_replaces_transfer(verdict, without, points, chosen):
    assert chosen_of(verdict, TRANSFER, without, gaining(points), CHANCE) is chosen
