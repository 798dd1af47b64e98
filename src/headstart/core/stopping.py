"""Stopping: trying ends early, at a user's interrupt or where the time given is over; what was finished stays."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from headstart.core.progress import note

Reason = Literal["interrupted", "over"]

WHILE_COMPARING = (
    "Ctrl-C: nothing more is tried; what is best so far is fitted, evaluated and reported. Ctrl-C again stops at once."
)
WHILE_FITTING = (
    "Ctrl-C: nothing is tried any more; the fit, its evaluation and the report are finished. Ctrl-C again stops at once."
)


class StoppedError(Exception):
    """Trying ends here; `reason` says why. Whoever tries catches it and goes on with what there is.

    Args:
        reason: Why.
        steps_done: Steps of the training that was ended, which its checkpoint holds; 0 where none was.
        steps: Those that it was to take.
    """

    def __init__(self, reason: Reason, steps_done: int = 0, steps: int = 0) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.steps_done = steps_done
        self.steps = steps


@dataclass
class Stopper:
    """When trying has to end.

    Attributes:
        deadline: On the clock of `time.monotonic`; None for none.
        interrupted: Whether the user pressed Ctrl-C once.
        kept_seconds: What follows trying takes so long before the deadline.
    """

    deadline: float | None = None
    interrupted: bool = False
    kept_seconds: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that trying may still take; None where it has no end."""
        return None if self.deadline is None else max(0.0, self.deadline - self.kept_seconds - time.monotonic())

    @property
    def reason(self) -> Reason | None:
        """Why trying has to end now; None where it may go on."""
        if self.interrupted:
            return "interrupted"
        return "over" if self.seconds_left == 0.0 else None


_STOPPER: ContextVar[Stopper | None] = ContextVar("stopper", default=None)


def stop_if_asked(only: Reason | None = None) -> None:
    """Raise `StoppedError` where trying has to end; loops that take long call it at each turn. Does nothing outside `stoppable`.

    Args:
        only: The reason that counts; None where all do.
    """
    stopper = _STOPPER.get()
    if stopper is not None and stopper.reason is not None and only in (None, stopper.reason):
        raise StoppedError(stopper.reason)


def has_to_stop() -> bool:
    """Whether trying has to end now."""
    stopper = _STOPPER.get()
    return stopper is not None and stopper.reason is not None


def seconds_until_over() -> float | None:
    """Seconds until the time is over that trying has; None where it has no end."""
    stopper = _STOPPER.get()
    return None if stopper is None else stopper.seconds_left


def keep_seconds(seconds: float) -> None:
    """Let trying end so many seconds before the deadline, as what follows it takes them; what was kept before counts no more.

    Does nothing outside `stoppable`.
    """
    stopper = _STOPPER.get()
    if stopper is not None:
        stopper.kept_seconds = seconds


@contextmanager
def stoppable(stopper: Stopper) -> Iterator[None]:
    """Inside, `stop_if_asked` listens to the stopper."""
    token = _STOPPER.set(stopper)
    try:
        yield
    finally:
        _STOPPER.reset(token)


@contextmanager
def unstoppable() -> Iterator[None]:
    """Inside, `stop_if_asked` does nothing: what leads from results to a choice is finished once it has begun."""
    token = _STOPPER.set(None)
    try:
        yield
    finally:
        _STOPPER.reset(token)


@contextmanager
def interruptible(stopper: Stopper) -> Iterator[None]:
    """Inside, the first Ctrl-C only tells the stopper, and the second one raises `KeyboardInterrupt`.

    Signals reach the main thread alone: elsewhere nothing changes, nor where the process ignores Ctrl-C, as one in the background
    does, or another language handles it.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
        return
    main = _STOPPER

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stopper.interrupted = True
        note(WHILE_COMPARING if main.get() is not None else WHILE_FITTING)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
