"""What was made under other conditions is told, by what differs, and nothing where nothing does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.core import conditions
from headstart.core.conditions import Conditions, finding_of_conditions, note_conditions, noting_conditions
from headstart.features.store.store import Store

NOW = Conditions(processor="Zen 4", threads=2, versions={"numpy": "2.3.0", "torch": "2.9.0"})
KEYS = [f"{row:064x}" for row in range(3)]


@pytest.fixture
def now(monkeypatch):
    """Sets the conditions of this process."""

    def set_to(found: Conditions) -> None:
        for module in ("headstart.core.conditions", "headstart.features.store.chunks"):
            monkeypatch.setattr(f"{module}.conditions_now", lambda: found)

    set_to(NOW)
    return set_to


def test_nothing_is_told_where_all_was_made_as_now(now):
    with noting_conditions():
        note_conditions([json.dumps(NOW.to_dict())])
        assert finding_of_conditions() == ()


def test_what_differs_is_told(now):
    other = Conditions(processor="Zen 3", threads=1, versions={"numpy": "2.2.0", "torch": "2.9.0"})
    with noting_conditions():
        note_conditions([json.dumps(other.to_dict())])
        (found,) = finding_of_conditions([{"threads": 8}])
    assert found.code == conditions.CODE
    assert found.title == (
        "Made under other conditions than now: features of the cache and earlier steps of this run "
        "(1 thread, Zen 3, numpy 2.2.0, threads 8)."
    )
    assert found.evidence["features"] == ["1 thread", "Zen 3", "numpy 2.2.0"]


def test_features_of_another_number_of_threads_are_told_when_they_are_read(now, tmp_path):
    rows = {"one": np.ones((3, 2), np.float32)}
    now(NOW.model_copy(update={"threads": 1}))
    Store(tmp_path).add(KEYS, rows)
    with noting_conditions():
        assert Store(tmp_path).missing(KEYS) == []
        assert finding_of_conditions() == ()
        now(NOW)
        (found,) = finding_of_conditions()
    assert found.evidence["features"] == ["1 thread"]


def test_merged_chunks_keep_the_conditions_of_all_of_them(now, tmp_path):
    store = Store(tmp_path)
    for number in range(70):
        now(NOW.model_copy(update={"threads": 1 + number % 2}))
        store.add([f"{number:064x}"], {"one": np.ones((1, 2), np.float32)})
    assert len(list(tmp_path.glob("*.safetensors"))) < 70
    with noting_conditions():
        Store(tmp_path).missing([f"{number:064x}" for number in range(70)])
        now(NOW)
        (found,) = finding_of_conditions()
    assert found.evidence["features"] == ["1 thread"]
