"""Prefetching: work done by other threads before it is asked for, so that reading and computing overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from headstart.core.cores import num_cores

T = TypeVar("T")
R = TypeVar("R")

PER_CORE = 3
"""Items begun or waiting for each core: enough that no core idles, few enough that memory stays flat."""


def prefetched(make: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """The result of `make` for each item, in order, computed by one thread a core while earlier results are used.

    An exception in a thread is raised here when its item's turn comes. Items are taken no faster than they are needed.
    """
    num_threads = num_cores()
    waiting = iter(items)
    with ThreadPoolExecutor(num_threads) as pool:
        begun: deque[Future[R]] = deque(pool.submit(make, item) for item in islice(waiting, PER_CORE * num_threads))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(make, item) for item in islice(waiting, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()
