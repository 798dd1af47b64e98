"""Progress: a bar with the time left on a terminal, sparse lines elsewhere, nothing when HEADSTART_QUIET=1. Always on stderr.

Sentences are translated here, into the language that is spoken. Whoever watches is told all the same, in English.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from headstart.core.language import spoken
from headstart.core.printable import printable
from headstart.core.watching import told_stage, watcher

_STATUS: ContextVar[str] = ContextVar("status", default="")
_SILENT: ContextVar[bool] = ContextVar("silent", default=False)
_BEGUN: ContextVar[float | None] = ContextVar("begun", default=None)

SECONDS_BETWEEN_LINES = 20.0


def _is_quiet() -> bool:
    return _SILENT.get() or os.environ.get("HEADSTART_QUIET") == "1"


@contextmanager
def silent() -> Iterator[None]:
    """Inside, nothing is written: for work that a program does on the side, many times a second."""
    token = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(token)


@contextmanager
def progress(total: int, description: str) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of items just done, out of a total."""
    with _shown(total, " · ".join(map(spoken().sentence, filter(None, (_STATUS.get(), description))))) as advance:
        yield advance if watcher() is None else _told(advance, total, description)


@contextmanager
def _shown(total: int, description: str) -> Iterator[Callable[[int], None]]:
    """A function that shows on stderr how far something is."""
    if _is_quiet():
        yield lambda done: None
    elif sys.stderr.isatty():
        with _bar(total, description) as advance:
            yield advance
    else:
        yield _Lines(total, description).advance


def _told(advance: Callable[[int], None], total: int, description: str) -> Callable[[int], None]:
    """The function, which also tells whoever watches."""
    count, who = 0, watcher()

    def tell(done: int) -> None:
        nonlocal count
        count += done
        advance(done)
        if who is not None:
            who.note_advance(description, count, total)

    return tell


@contextmanager
def _bar(total: int, description: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        job = display.add_task(printable(description), total=total)
        yield lambda done: display.advance(job, done)


class _Lines:
    """One line after twenty seconds, then every twenty seconds: short work prints nothing."""

    def __init__(self, total: int, description: str) -> None:
        self.total = total
        self.description = description
        self.done = 0
        self.begun = self.printed = time.monotonic()

    def advance(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if now - self.printed < SECONDS_BETWEEN_LINES:
            return
        self.printed = now
        left = (now - self.begun) / max(self.done, 1) * max(self.total - self.done, 0)
        _tell(f"{self.description}: {spoken().sentence(f'{self.done} of {self.total}, {left:.0f} s left')}")


@contextmanager
def status(sentence: str) -> Iterator[None]:
    """Inside, bars and lines begin with that sentence: what is best so far, what is tried and how much time is left."""
    token = _STATUS.set(sentence)
    try:
        yield
    finally:
        _STATUS.reset(token)


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Write on stderr what begins, and after how many seconds it ended if that was one or more."""
    quiet = _is_quiet()
    begun = time.monotonic()
    if not quiet:
        _tell(f"{spoken().sentence(description)} ...")
    with told_stage(description):
        yield
    seconds = time.monotonic() - begun
    if not quiet and seconds >= 1.0:
        _tell(f"{spoken().sentence(description)}{spoken().gettext(': ')}{spoken().sentence(f'{seconds:.0f} s')}")


def note(sentence: str) -> None:
    """Write a sentence on stderr."""
    if not _is_quiet():
        _tell(spoken().sentence(sentence))


def _tell(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.flush()


def about(seconds: float) -> str:
    """A predicted time as a person is told it before the work begins.

    >>> about(20), about(200), about(70), about(7_000)
    ('less than a minute', 'about 3 minutes', 'about a minute', 'about 2 hours')
    """
    if seconds < 50:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {'a minute' if minutes <= 1 else f'{minutes} minutes'}"
    return f"about {round(minutes / 60)} hours"


@contextmanager
def timed_command() -> Iterator[None]:
    """Inside, `command_begun` says when it was entered."""
    token = _BEGUN.set(time.monotonic())
    try:
        yield
    finally:
        _BEGUN.reset(token)


def command_begun() -> float:
    """When the command began, on the clock of `time.monotonic`: now where no command is run."""
    begun = _BEGUN.get()
    return time.monotonic() if begun is None else begun
