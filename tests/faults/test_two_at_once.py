"""Two processes on one cache, run folder, study and gallery, and clocks that jump: what comes of a command is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from unittest import mock

import pytest
from commands_made import call
from prepared import Prepared, prepared_in

YEAR = 365 * 24 * 3600.0


@pytest.fixture(scope="module", params=["fit", pytest.param("search", marks=pytest.mark.slow), "fewshot"])
def prepared(request, tmp_path_factory) -> Prepared:
    return prepared_in(tmp_path_factory.mktemp(request.param), request.param)


def check_outcome(prepared: Prepared) -> None:
    """The outcome is that of one undisturbed process, and nothing is damaged or left."""
    outcome = prepared.command.outcome(prepared.home.folder / "out" / "run")
    assert [name for name, value in prepared.outcome.items() if outcome[name] != value] == []
    assert prepared.home.faults() == []
    assert prepared.home.leftovers() == []


def test_the_same_command_twice_at_once(prepared: Prepared):
    for _ in range(2):
        prepared.home.renew()
        begun = [prepared.home.begin(lambda: call(prepared.command.words), name=name) for name in ("first", "second")]
        ended = [prepared.home.end(one) for one in begun]
        for one in ended:
            assert one.code in (0, 2), one.err
            assert "Traceback" not in one.err
            assert one.code == 0 or one.err.startswith("error: ")
        assert 0 in [one.code for one in ended]
        check_outcome(prepared)


@contextmanager
def clock(shift: Callable[[int], float]):
    """Inside, the wall clock is off by so many seconds, which its calls are numbered for."""
    real, calls = time.time, [0]

    def now() -> float:
        calls[0] += 1
        return real() + shift(calls[0])

    def now_ns() -> int:
        return int(1e9 * now())

    with mock.patch.object(time, "time", now), mock.patch.object(time, "time_ns", now_ns):
        yield


CLOCKS: dict[str, Callable[[int], float]] = {
    "goes back": lambda call: -3600.0 * call,
    "jumps a year ahead and back": lambda call: YEAR if call % 7 == 3 else 0.0,
    "begins in 1970": lambda _: -time.monotonic() - 55 * YEAR,
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_that_jumps_changes_nothing(prepared: Prepared, name):
    def under_clock() -> None:
        with clock(CLOCKS[name]):
            call(prepared.command.words)

    prepared.home.renew()
    ended = prepared.home.child(under_clock)
    assert ended.code == 0, ended.err
    check_outcome(prepared)


@pytest.mark.parametrize("moment", [0.0, time.time() + YEAR], ids=["1970", "next year"])
def test_files_from_another_time_are_used_as_others_are(prepared: Prepared, moment):
    prepared.home.renew()
    assert prepared.give().code == 0
    for path in (prepared.home.folder / "cache").rglob("*"):
        os.utime(path, (moment, moment))
    ended = prepared.give()
    assert ended.code == 0 or "enrolled in out/run already" in ended.err
    assert ended.made == []
    check_outcome(prepared)
