"""An executor whose works travel as bytes, and run in this process as if they were on another machine."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.core.executing import Executor, InProcess, Pending, Work, executing_on, resolved


class _Pickled(Pending[Any]):
    def __init__(self, owner: Elsewhere, name: str, content: bytes) -> None:
        self.owner = owner
        self.name = name
        self.content = content

    def result(self, advance: Callable[[int], object] = lambda _: None) -> Any:
        self.owner.ran.append(self.name)
        with self.owner.on_the_other_machine():
            # Ray's client port unpickles works and pickles them again.
            function, arguments = pickle.loads(pickle.dumps(pickle.loads(self.content)))
            return pickle.loads(pickle.dumps(function(*resolved(arguments))))

    def cancel(self) -> None:
        self.owner.cancelled.append(self.name)


class Elsewhere(Executor):
    """Runs each work on a copy of its arguments, with a cache of its own where one is given.

    Attributes:
        sizes: Of the pickled works, by name.
        ran: Names of the works that ran, in their order.
        cancelled: Names of those that were cancelled.
    """

    is_remote = True

    def __init__(self, cache: Path | None = None, node: str = "elsewhere", num_workers: int = 2) -> None:
        super().__init__()
        self.cache = cache
        self.node = node
        self.workers = num_workers
        self.sizes: dict[str, list[int]] = {}
        self.ran: list[str] = []
        self.cancelled: list[str] = []

    @property
    def num_workers(self) -> int:
        return self.workers

    @property
    def most_pending(self) -> int:
        return 4

    @contextmanager
    def on_the_other_machine(self) -> Iterator[None]:
        before = os.environ["HEADSTART_CACHE"]
        os.environ["HEADSTART_CACHE"] = str(self.cache or before)
        try:
            with executing_on(InProcess()):
                yield
        finally:
            os.environ["HEADSTART_CACHE"] = before

    def submit(self, work: Work[Any]) -> Pending[Any]:
        content = pickle.dumps((work.function, work.arguments))
        self.sizes.setdefault(work.name, []).append(len(content))
        return _Pickled(self, work.name, content)

    def on_each_node(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        with self.on_the_other_machine():
            return {self.node: function(*pickle.loads(pickle.dumps(arguments)))}
