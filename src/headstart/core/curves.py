"""Training curves while they are written: the name of what is being trained, and who is told that there is more to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_NAMES: ContextVar[tuple[str, ...]] = ContextVar("names", default=())
_FOLLOWER: ContextVar[Callable[[Path], None] | None] = ContextVar("follower", default=None)


@contextmanager
def training_of(name: str) -> Iterator[None]:
    """Inside, what is trained has that name, after the names around it."""
    token = _NAMES.set((*_NAMES.get(), name))
    try:
        yield
    finally:
        _NAMES.reset(token)


def name_of_training() -> str:
    """The name of what is being trained, its parts divided by slashes; empty where it has none.

    >>> with training_of("trial 3"), training_of("fold 1"):
    ...     name_of_training()
    'trial 3/fold 1'
    """
    return "/".join(_NAMES.get())


@contextmanager
def following_curves(told: Callable[[Path], None]) -> Iterator[None]:
    """Inside, a function is told each history that has new lines; it has to come back at once, as training waits for it."""
    token = _FOLLOWER.set(told)
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


def curve_grew(history: Path) -> None:
    """Tell who follows that a history has new lines."""
    follower = _FOLLOWER.get()
    if follower is not None:
        follower(history)
