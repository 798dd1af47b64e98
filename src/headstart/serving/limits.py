"""Limits: how much one request, and all that wait, may ask of a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Self

from pydantic import Field

from headstart.core.errors import PlanError
from headstart.core.limit_options import USUAL, LimitOptions
from headstart.core.records import Record

MEGABYTE = 1_000_000
MEGAPIXEL = 1_000_000


class Limits(Record):
    """How much is taken on; what is more is refused with a status that says so. The defaults are chosen, not measured.

    Attributes:
        max_bytes: Of the body of one request.
        max_files: Pictures of one request.
        max_pixels: Of one picture, checked before it is decoded, and of all that are being decoded at the same time: they bound
            the memory that decoding takes, however many threads decode.
        queue_pictures: Pictures that a model has taken on and not answered yet.
        deadline_seconds: A request that is not answered by then is refused.
        body_seconds: A body that is not complete by then is refused.
        total_bytes: Of all bodies in memory at the same time.
    """

    max_bytes: Annotated[int, Field(ge=1)] = round(USUAL.max_megabytes * MEGABYTE)
    max_files: Annotated[int, Field(ge=1)] = USUAL.max_files
    max_pixels: Annotated[int, Field(ge=1)] = round(USUAL.max_megapixels * MEGAPIXEL)
    queue_pictures: Annotated[int, Field(ge=1)] = USUAL.queue
    deadline_seconds: Annotated[float, Field(gt=0)] = USUAL.deadline
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    total_bytes: Annotated[int, Field(ge=1)] = 512 * MEGABYTE

    @classmethod
    def of(cls, options: LimitOptions) -> Self:
        """The limits that options say; `PlanError` where they are impossible."""
        files, queue = options.max_files, options.queue
        if files > queue:
            raise PlanError(
                f"--max-files {files} is more than --queue {queue}: such a request would always be refused. Raise --queue."
            )
        values = {
            "max_bytes": round(options.max_megabytes * MEGABYTE),
            "max_files": files,
            "max_pixels": round(options.max_megapixels * MEGAPIXEL),
            "queue_pictures": queue,
            "deadline_seconds": options.deadline,
        }
        return cls.from_dict(values, "serve")


class Room:
    """Pixels that may be in memory at the same time, over all threads that decode; whoever comes first is first to have room.

    Args:
        num_pixels: Altogether; a picture that has more is decoded alone.
    """

    def __init__(self, num_pixels: int) -> None:
        self.num_pixels = num_pixels
        self.num_taken = 0
        self._next = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, num_pixels: int) -> Iterator[None]:
        """Inside, so many pixels are taken; it is entered as soon as there is room for them."""
        wanted = min(num_pixels, self.num_pixels)
        with self._next, self._changed:  # those that come later wait for `_next`, so that small pictures do not pass a large one
            self._changed.wait_for(lambda: self.num_taken + wanted <= self.num_pixels)
            self.num_taken += wanted
        try:
            yield
        finally:
            with self._changed:
                self.num_taken -= wanted
                self._changed.notify_all()
