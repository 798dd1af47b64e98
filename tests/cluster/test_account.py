"""What a cluster computed is added up by kind, over the sessions of a run, and priced."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.cluster.account import Account, price_from, size_of
from headstart.cluster.worker import Done
from headstart.core.errors import PlanError
from headstart.core.packing import Packed


def done(result, seconds, node, peak):
    return Done(result, seconds, node, peak)


def test_costs_are_added_up_by_kind_and_works_by_node(monkeypatch):
    monkeypatch.setenv("HEADSTART_CORE_HOUR_PRICE", "0.36 EUR")
    account = Account(num_repeated=1)
    account.add("fold", done(Packed("{}", {"a": b"12345"}, 2.0), 100.0, "one 1", 700), 2)
    account.add("fold", done(Packed("{}", {}, 2.0), 50.0, "two 2", 300), 2)
    account.add("features", done([np.zeros((3, 5), np.float32)], 30.0, "one 1", 900), 1)
    use = account.use("ray://head:10001", 2)
    fold, features = use.costs
    assert (fold.num, fold.seconds, fold.core_seconds, fold.sent_bytes, fold.peak_bytes) == (2, 150.0, 300.0, 9, 700)
    assert (features.num, features.core_seconds, features.sent_bytes) == (1, 30.0, 60)
    assert use.nodes == {"one 1": 2, "two 2": 1}
    assert use.core_hours == pytest.approx(330 / 3600)
    assert (use.money(fold.core_seconds), use.currency) == (pytest.approx(0.03), "EUR")
    twice = use.joined(use)
    assert [cost.num for cost in twice.costs] == [4, 2]
    assert twice.costs[0].peak_bytes == 700
    assert (twice.num_repeated, twice.nodes["one 1"]) == (2, 4)
    assert use.joined(None) is use


def test_sizes_are_those_of_arrays_and_contents_wherever_they_lie():
    assert size_of({"a": [b"123", "45"], "b": (np.zeros(3, np.int64), None, 7)}) == 29


def test_what_is_no_price_is_refused():
    assert price_from("") == (0.0, "")
    assert price_from(" 2 ") == (2.0, "")
    with pytest.raises(PlanError) as refused:
        price_from("cheap USD")
    assert str(refused.value) == 'HEADSTART_CORE_HOUR_PRICE = "cheap USD" is no price. Write a number, or for example 0.04 USD.'
