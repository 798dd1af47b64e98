"""Reached: the rate of an engine in real extraction, beside the threads that read the pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from headstart.core.cores import num_cores

T = TypeVar("T")
R = TypeVar("R")


class Meter:
    """Measures what an engine reached while other threads read.

    The engine's seconds are those since the first batch was asked for, less those in which it waited for pictures, and less the
    processor time of the reading threads, divided among the cores: without it the engine would have had those cores.
    """

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._waited = 0.0
        self._reading: list[float] = []

    def reads(self, read: Callable[[T], R]) -> Callable[[T], R]:
        """The function that reads a batch, its processor time measured."""

        def measured(item: T) -> R:
            begun = time.thread_time()
            result = read(item)
            self._reading.append(time.thread_time() - begun)
            return result

        return measured

    def waits(self, batches: Iterable[R]) -> Iterator[R]:
        """The batches, the time until each is there measured."""
        waiting = iter(batches)
        while True:
            begun = time.perf_counter()
            batch = next(waiting, None)
            self._waited += time.perf_counter() - begun
            if batch is None:
                return
            yield batch

    def rate(self, num_images: int) -> float:
        """Pictures a second of the engine; 0 where reading took so much that nothing can be said."""
        seconds = time.perf_counter() - self._begun
        own = seconds - self._waited - sum(self._reading) / num_cores()
        return num_images / own if own > seconds / 2 else 0.0
