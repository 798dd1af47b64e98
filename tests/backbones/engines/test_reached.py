"""The rate that an engine reached leaves out waiting for pictures and the work of reading them."""

from __future__ import annotations

import pytest

from headstart.backbones.engines import reached
from headstart.backbones.engines.reached import Meter


def test_waiting_and_reading_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"wall": 0.0, "thread": 0.0}
    monkeypatch.setattr(reached.time, "perf_counter", lambda: now["wall"])
    monkeypatch.setattr(reached.time, "thread_time", lambda: now["thread"])
    monkeypatch.setattr(reached, "num_cores", lambda: 4)

    def read(item: int) -> int:
        now["thread"] += 2.0
        return item + 1

    meter = Meter()

    def batches():
        for item in range(3):
            now["wall"] += 1.0
            yield meter.reads(read)(item)

    found = []
    for batch in meter.waits(batches()):
        found.append(batch)
        now["wall"] += 7.0
    assert found == [1, 2, 3]
    # 24 seconds, of which 3 waiting; 6 seconds of processor time among 4 cores
    assert meter.rate(39) == pytest.approx(39 / (24 - 3 - 1.5))
    now["thread"] += 60.0
    meter.reads(lambda item: now.update(thread=now["thread"] + 60.0))(0)
    assert meter.rate(39) == 0.0
