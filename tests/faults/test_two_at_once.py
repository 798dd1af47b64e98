"""Two processes on one cache, run folder, study and gallery, and clocks that jump: what comes of a command is the same."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from commands_made import call
from prepared import Prepared

from headstart.gallery.gallery import Gallery

YEAR = 365 * 24 * 3600.0


def on(*quick: str, slow: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """For these commands."""
    names = [*quick, *(pytest.param(name, marks=pytest.mark.slow) for name in slow)]
    return pytest.mark.parametrize("prepared", names, indirect=True)


def check_outcome(prepared: Prepared) -> None:
    """The outcome is that of one undisturbed process, and nothing is damaged or left."""
    outcome = prepared.command.outcome(prepared.home.folder / "out" / "run")
    assert [name for name, value in prepared.outcome.items() if outcome[name] != value] == []
    assert prepared.home.faults() == []
    assert prepared.home.leftovers() == []


@on("fit", "fewshot", "forget", slow=("run", "search", "extend", "pretrain", "adjust"))
def test_the_same_command_twice_at_once(prepared: Prepared):
    prepared.home.renew()
    begun = [prepared.home.begin(lambda: call(prepared.command.words), name=name) for name in ("first", "second")]
    ended = [prepared.home.end(one) for one in begun]
    for one in ended:
        assert one.code in (0, 2), one.err
        assert "Traceback" not in one.err
        assert one.code == 0 or re.search(r"^error: ", one.err, re.MULTILINE)
    assert 0 in [one.code for one in ended]
    check_outcome(prepared)


READS = 150
ENROLL = "fewshot enroll out/run red data/red/0.png data/red/1.png"


@on("fewshot")
def test_a_gallery_is_read_while_another_process_forgets_and_enrolls(prepared: Prepared):
    def write() -> None:
        gallery = Gallery.open("out/run")
        (red,) = gallery.class_store.read()
        while not Path("stop").exists():
            gallery.forget("red")
            gallery.class_store.add([red])

    def read() -> None:
        try:
            for _ in range(READS):
                store = Gallery.open("out/run").class_store
                assert list(store.sizes()) in (["red"], [])
                assert [one.name for one in store.read()] in (["red"], [])
        finally:
            Path("stop").touch()

    prepared.home.renew()
    assert prepared.give().code == 0
    begun = [prepared.home.begin(work, name=name) for work, name in ((write, "writer"), (read, "reader"))]
    for one in begun:
        ended = prepared.home.end(one)
        assert ended.code == 0, ended.err
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


@on("fit", "fewshot", slow=("search",))
@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_that_jumps_changes_nothing(prepared: Prepared, name):
    def under_clock() -> None:
        with clock(CLOCKS[name]):
            call(prepared.command.words)

    prepared.home.renew()
    ended = prepared.home.child(under_clock)
    assert ended.code == 0, ended.err
    check_outcome(prepared)


@on("run", "extend", "pretrain", "adjust")
@pytest.mark.slow
def test_a_clock_that_jumps_changes_no_longer_command(prepared: Prepared):
    test_a_clock_that_jumps_changes_nothing(prepared, "jumps a year ahead and back")


@on("fit", "fewshot", slow=("search",))
def test_files_from_another_time_are_used_as_others_are(prepared: Prepared):
    prepared.home.renew()
    assert prepared.give().code == 0
    for number, path in enumerate(sorted((prepared.home.folder / "cache").rglob("*"))):
        moment = (0.0, time.time() + YEAR)[number % 2]
        os.utime(path, (moment, moment))
    ended = prepared.give()
    assert ended.code == 0 or "enrolled in out/run already" in ended.err
    assert ended.made == []
    check_outcome(prepared)
