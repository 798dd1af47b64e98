"""Batching: requests that wait for the same model are computed together, by one thread a model."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from headstart.core.progress import silent
from headstart.features.store.transient import transient_features
from headstart.serving.limits import Limits
from headstart.serving.pictures import DecodedPicture
from headstart.serving.refusals import in_time, queue_full, too_late

Rows = list[dict[str, Any]]
Compute = Callable[[Sequence[DecodedPicture]], Rows]
"""One row a picture. Requests with equal functions are computed together."""

MOST_TOGETHER = 64
"""Pictures computed at a time, unless one request has more. Two streams of OpenVINO take batches of 8, so that 64 fill each four
times, and the wait of a request that just missed its turn stays short. Chosen, not measured."""
FIRST_RATE = 50.0
"""Pictures a second that are assumed until some were computed."""


@dataclass(eq=False)
class _Job:
    compute: Compute
    pictures: Sequence[DecodedPicture]
    deadline: float
    result: Future[Rows] = field(default_factory=Future)

    def begins(self, seconds: float) -> bool:
        """Whether somebody still waits for it, and its time is not over."""
        if not self.result.set_running_or_notify_cancel():
            return False
        if time.monotonic() <= self.deadline:
            return True
        self.result.set_exception(too_late(seconds))
        return False


class Batcher:
    """The queue of one model and the thread that works on it.

    What waits is taken together as soon as the thread is free: under low load a request does not wait for others, and under high
    load batches fill while the one before is computed. No timer is needed.

    Args:
        name: Of the model.
        limits: What may wait, and how long.
        engine: Held while something is computed: inference uses all cores, and models take turns.
        observe: Told how many pictures were computed together.
    """

    def __init__(self, name: str, limits: Limits, engine: threading.Lock, observe: Callable[[int], None]) -> None:
        self.limits = limits
        self.waiting = 0
        self._rate = FIRST_RATE
        self._engine = engine
        self._observe = observe
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"model {name}", daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether its thread is alive."""
        return self._thread.is_alive()

    def check_room(self, count: int) -> None:
        """Refuse so many pictures where they would be too many with those that wait."""
        if self.waiting + count > self.limits.queue_pictures:
            raise queue_full(self.waiting, self.waiting / self._rate)

    @contextmanager
    def admitted(self, count: int) -> Iterator[None]:
        """Inside, so many pictures count as waiting. Refused where they would be too many; called by the event loop alone."""
        self.check_room(count)
        self.waiting += count
        try:
            yield
        finally:
            self.waiting -= count

    async def rows(self, compute: Compute, pictures: Sequence[DecodedPicture], deadline: float) -> Rows:
        """What the function gives for the pictures, computed together with others that wait for the same.

        Args:
            compute: Of the pictures.
            pictures: At least one.
            deadline: On the clock of `time.monotonic`.

        Returns:
            One row a picture.

        Raises:
            RefusedError: The deadline is over.
        """
        job = _Job(compute, pictures, deadline)
        self._jobs.put(job)
        async with in_time(deadline, self.limits.deadline_seconds):
            return await asyncio.wrap_future(job.result)

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        first = self._jobs.get()
        while first is not None:
            batch, following = self._together(first)
            begun = [job for job in batch if job.begins(self.limits.deadline_seconds)]
            if begun:
                self._compute(begun)
            first = following if following is not None else self._jobs.get()
            if first is _END:
                return

    def _together(self, first: _Job) -> tuple[list[_Job], _Job | None]:
        """The jobs that wait for the same as the first one, and the job after them, if one was taken from the queue."""
        batch, size = [first], len(first.pictures)
        while size < MOST_TOGETHER:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, None
            if job is None:
                return batch, _END
            if job.compute != first.compute or size + len(job.pictures) > MOST_TOGETHER:
                return batch, job
            batch.append(job)
            size += len(job.pictures)
        return batch, None

    def _compute(self, jobs: list[_Job]) -> None:
        pictures = [picture for job in jobs for picture in job.pictures]
        begun = time.monotonic()
        try:
            with self._engine, silent(), transient_features():
                rows = jobs[0].compute(pictures)
        except Exception as error:  # noqa: BLE001  whoever waits is told; the thread goes on with the next ones
            for job in jobs:
                job.result.set_exception(error)
            return
        self._rate += (len(pictures) / max(time.monotonic() - begun, 1e-3) - self._rate) / 4
        self._observe(len(pictures))
        place = 0
        for job in jobs:
            job.result.set_result(rows[place : place + len(job.pictures)])
            place += len(job.pictures)


_END = _Job(lambda pictures: [], (), 0.0)
"""Stands for the end of the queue."""
