"""Watching: whoever watches is told what is being done, how far it is, and what is best so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # the help of a command is shown without pydantic
    from headstart.core.estimate import Estimate


class Standing(NamedTuple):
    """Where trying stands.

    Attributes:
        best: What is most accurate so far; empty where nothing is yet.
        accuracy: Its accuracy.
        num_tried: Candidates that were fitted.
        left_seconds: That may still be spent, at most.
    """

    best: str
    accuracy: Estimate | None
    num_tried: int
    left_seconds: float

    @property
    def sentence(self) -> str:
        """What a person is told of a new best."""
        return f"Best so far: {self.best}, {self._shown}; about {self.left_seconds:.0f} s left at most."

    def while_trying(self, what: str) -> str:
        """What a person sees while something is tried."""
        best = f"best {self._shown}" if self.accuracy else "nothing yet"
        return f"{best} · {what} · {self.left_seconds:.0f} s left at most"

    @property
    def _shown(self) -> str:
        one = self.accuracy
        return f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]" if one else ""


class Watcher(Protocol):
    """Is told of events, by the thread where they happen."""

    def note_stage(self, description: str) -> None:
        """What is being done now; empty between two stages."""

    def note_advance(self, description: str, done: int, total: int) -> None:
        """How far a part of it is."""

    def note_standing(self, standing: Standing) -> None:
        """Where trying stands."""


_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
_STAGE: ContextVar[str] = ContextVar("stage", default="")


def watcher() -> Watcher | None:
    """Who watches; None where nobody does."""
    return _WATCHER.get()


@contextmanager
def watched_by(one: Watcher) -> Iterator[None]:
    """Inside, that one watches, and nobody else."""
    token = _WATCHER.set(one)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@contextmanager
def told_stage(description: str) -> Iterator[None]:
    """Inside, whoever watches knows that this is being done, and afterwards what was done before."""
    before, who = _STAGE.get(), watcher()
    token = _STAGE.set(description)
    if who is not None:
        who.note_stage(description)
    try:
        yield
    finally:
        _STAGE.reset(token)
        if who is not None:
            who.note_stage(before)


def tell_standing(standing: Standing) -> None:
    """Tell whoever watches where trying stands."""
    who = watcher()
    if who is not None:
        who.note_standing(standing)
