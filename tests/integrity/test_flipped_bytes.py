"""A byte that changes in a model, cache, step, gallery, study or run changes no answer, and ends in no traceback."""

from __future__ import annotations

import pytest
from benchmarks.flipped_bytes import PLACES, outcomes, pictures_in

FLIPS = {"model": 60, "run": 150, "cache": 40, "steps": 100, "gallery": 30, "study": 200}
"""So many as take about two seconds; `python -m benchmarks.flipped_bytes` flips 2,000 of each."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("own_cache")))
        pictures_in(home / "data")
        yield {name: make(home) for name, make in PLACES.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_a_flipped_byte_changes_no_answer(places, name, monkeypatch):
    told: list[str] = []
    counted = outcomes(places[name], FLIPS[name], seed=0, told=told.append)
    assert told == []
    assert counted["silent"] == counted["traceback"] == 0
    assert counted["repaired" if name in ("cache", "steps") else "refused"] > FLIPS[name] // 4
