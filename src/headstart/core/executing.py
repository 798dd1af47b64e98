"""Executing: one interface for work that can run anywhere, in this process by default."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from headstart.core.records import Record

R = TypeVar("R")
T = TypeVar("T")
E = TypeVar("E", bound="Executor")


Advance: TypeAlias = Callable[[int], object]


@dataclass(frozen=True)
class Resources:
    """What a piece of work takes, as a scheduler is told.

    Attributes:
        cores: Processor cores, which is also the number of its threads; 0 takes the executor's usual number.
        gpus: GPUs, or a share of one, where the executor has any.
        memory_bytes: Memory at its peak; 0 where that is not known.
    """

    cores: int = 0
    gpus: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Work(Generic[R]):
    """A function call that may be made in another process.

    Attributes:
        function: A function at the top of a module.
        arguments: Picklable values. The function receives the value of each one that is `Shared`.
        name: What messages call the work, such as "fold 2 of lp_ft".
        resources: What it takes.
        group: Name of the works whose costs are added up; `name` where it is empty.
        ends_itself: Whether the function ends early by itself where the time is over, with a result that says so.
    """

    function: Callable[..., R]
    arguments: tuple[Any, ...] = field(default=(), repr=False)
    name: str = ""
    resources: Resources = Resources()
    group: str = ""
    ends_itself: bool = False


class Shared(Generic[T]):
    """A value that many works receive, and that travels to each machine once.

    Args:
        value: The value, which is not changed any more.
    """

    def __init__(self, value: T) -> None:
        self.value = value


class Pending(ABC, Generic[R]):
    """Work that was submitted."""

    @abstractmethod
    def result(self, advance: Advance = lambda _: None) -> R:
        """What the function returned, once it has; what it raised is raised.

        While it is waited for, `advance` is told the numbers of works that were finished, this one or another.
        """

    def cancel(self) -> None:
        """Let the work come to nothing, as nobody wants its result any more."""


class Executor(ABC):
    """Where works run.

    Attributes:
        is_remote: Whether works run in other processes, which see neither this one's memory nor, perhaps, its files.
        identity: Of what decides results beside the works: code, engine, threads. Empty in this process.
        is_uniform: Whether all processes compute as this one does, so that results may stand for its own in other runs.
        started: Works that were begun before anybody waits for them, by the name of their step.
    """

    is_remote: bool = False
    identity: str = ""
    is_uniform: bool = True

    def __init__(self) -> None:
        self.started: dict[str, Pending[Any]] = {}
        self._shared: dict[str, Shared[Any]] = {}

    @property
    def num_workers(self) -> int:
        """The number of works that run at the same time."""
        return 1

    @abstractmethod
    def submit(self, work: Work[R]) -> Pending[R]:
        """The work, begun as soon as there is room for it."""

    def share(self, value: T) -> Shared[T]:
        """The value as an argument of many works, which travels once."""
        return self._as_shared(value)

    def shared(self, key: str, make: Callable[[], T]) -> Shared[T]:
        """As `share`, of a value that is made when it is first asked for; values of equal keys count as equal."""
        if key not in self._shared:
            self._shared[key] = self._as_shared(make())
        return self._shared[key]

    def _as_shared(self, value: T) -> Shared[T]:
        return Shared(value)

    def results(self, works: Iterable[Work[R]]) -> Iterator[R]:
        """The results in the order of the works, which may be many: only as many are begun as the workers need."""
        pending: deque[Pending[R]] = deque()
        try:
            for work in works:
                pending.append(self.submit(work))
                if len(pending) >= self.most_pending:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for one in pending:
                one.cancel()

    @property
    def most_pending(self) -> int:
        """The number of works, begun or done, that wait for their results to be taken."""
        return 1

    def drop_started(self) -> None:
        """Cancel what was begun and is not wanted, and forget what it shared."""
        for pending in self.started.values():
            pending.cancel()
        self.started.clear()
        self._shared.clear()

    @property
    def num_begun(self) -> int:
        """The number of works that were begun and whose results were not taken."""
        return 0

    @property
    def use(self) -> Record | None:
        """What was computed elsewhere so far; None where all is in this process."""
        return None

    def on_each_node(self, function: Callable[..., R], *arguments: Any) -> dict[str, R]:
        """What the function returns on each machine, by the machine's name; nothing where all is in this process."""
        return {}


def resolved(arguments: Iterable[Any]) -> list[Any]:
    """The arguments with the values of those that are shared."""
    return [one.value if isinstance(one, Shared) else one for one in arguments]


class _Here(Pending[R]):
    """Work of this process: it is done when its result is wanted, so that only one is in memory."""

    def __init__(self, work: Work[R]) -> None:
        self.work = work

    def result(self, advance: Advance = lambda _: None) -> R:
        return self.work.function(*resolved(self.work.arguments))


class InProcess(Executor):
    """Works run in this process, one after the other."""

    def submit(self, work: Work[R]) -> Pending[R]:
        return _Here(work)


@contextmanager
def dropping_begun() -> Iterator[None]:
    """Inside, works may be begun before they are wanted; those that nobody wanted are cancelled at the end."""
    try:
        yield
    finally:
        executor().drop_started()


_EXECUTOR: ContextVar[Executor | None] = ContextVar("executor", default=None)


def executor() -> Executor:
    """Where works run here."""
    return _EXECUTOR.get() or InProcess()


@contextmanager
def executing_on(chosen: E) -> Iterator[E]:
    """Inside, `executor` is that one; what it was asked to begin and nobody waited for is cancelled at the end."""
    token = _EXECUTOR.set(chosen)
    try:
        yield chosen
    finally:
        _EXECUTOR.reset(token)
        chosen.drop_started()
