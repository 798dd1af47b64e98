"""Progress is on stderr, sparse away from a terminal, and silent when asked."""

from __future__ import annotations

import pytest

from headstart.core import progress as module
from headstart.core.progress import progress


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    monkeypatch.delenv("HEADSTART_QUIET")
    clock = _Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_short_work_prints_nothing(clock: _Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress(5, "steps") as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_a_line_every_twenty_seconds_on_stderr(clock: _Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress(100, "looking") as advance:
        for _ in range(5):
            clock.now += 10
            advance(10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "looking: 20 of 100, 80 s left\nlooking: 40 of 100, 60 s left\n"


def test_quiet_prints_nothing(clock: _Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_QUIET", "1")
    with progress(3, "steps") as advance:
        clock.now += 100
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADSTART_QUIET")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress(3, "steps") as advance:
        advance(3)
