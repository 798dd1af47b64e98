"""A replica without Ray: what it reports while it changes to newer settings."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from headstart.serving.metrics import Metrics, text_of
from headstart.serving.owner import Standing
from headstart.serving.replica import Replica


def answering(generation, num_begun, count):
    metrics = Metrics()
    metrics.requests.labels("/predict", 200).inc(count)
    service = SimpleNamespace(num_begun=num_begun, metrics=metrics, draining=False)
    folders = SimpleNamespace(copies={})
    settings = {"generation": generation}
    return SimpleNamespace(generation=generation, settings=settings, service=service, folders=folders, close=lambda: None)


@pytest.fixture
def replica(monkeypatch):
    """A replica that answers by the first settings, with requests in its hands, and by the second ones once it hears of them."""
    made = Replica.__new__(Replica)
    made.name, made._failed, made._known_to_owner = "a", None, 0
    made._answering, made._before, made._closed = answering(1, 2, 5), [], []
    made._changing, made._retiring = threading.Lock(), set()
    made._ask = lambda method: {"generation": 2}
    monkeypatch.setattr(made, "_loaded", lambda settings: answering(2, 1, 7))
    return made


def told(said):
    [line] = [line for line in text_of(said.families).decode().splitlines() if line.startswith("headstart_requests_total{")]
    return said.generation, said.num_begun, float(line.rpartition(" ")[2])


def test_what_a_replica_still_answers_by_older_settings_is_reported_and_its_counts_stay(replica):
    async def reports():
        before = replica._answering
        found = [told(replica.report())]
        await replica._obey(Standing(False, 2, {}))
        found.append(told(replica.report()))
        before.service.num_begun = 0
        while replica._retiring:
            await asyncio.sleep(0.05)
        return [*found, told(replica.report())]

    assert asyncio.run(reports()) == [(1, 2, 5.0), (2, 3, 12.0), (2, 1, 12.0)]


def test_settings_are_reported_to_an_owner_that_has_none_or_older_ones(replica):
    def reported(generation):
        asyncio.run(replica._obey(Standing(False, generation, {})))
        return replica.report().settings

    assert replica.report().settings == {"generation": 1}
    assert reported(1) is None
    assert reported(0) == {"generation": 1}
