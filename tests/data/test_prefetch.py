"""Work ahead comes in order, is bounded, and breaks where its turn comes."""

from __future__ import annotations

import time

import pytest

from headstart.data import prefetch as module
from headstart.data.prefetch import prefetched


def test_results_come_in_order_whatever_takes_longest() -> None:
    def make(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(prefetched(make, range(17))) == [item * item for item in range(17)]


def test_items_are_read_no_faster_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "num_cores", lambda: 2)
    read: list[int] = []

    def items():
        for item in range(100):
            read.append(item)
            yield item

    results = prefetched(lambda item: item, items())
    for _ in range(5):
        next(results)
    assert len(read) <= 5 + module.PER_CORE * 2
    results.close()


def test_an_error_comes_when_its_turn_comes() -> None:
    results = prefetched(lambda item: 1 / item, [1, 2, 0, 4])
    assert next(results) == 1.0
    assert next(results) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_gives_nothing() -> None:
    assert list(prefetched(str, [])) == []
