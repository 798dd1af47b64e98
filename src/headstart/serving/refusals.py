"""Refusals: a request that is not answered, as a status, a code for programs and a sentence for people."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Any


class RefusedError(Exception):
    """A request cannot be answered.

    Args:
        status: Of HTTP.
        code: A stable name of the reason.
        sentence: What was met, what is allowed, and what to do.
        headers: That the answer has.
        rows: The rows of single pictures, where they say why.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        headers: Mapping[str, str] | None = None,
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.headers = dict(headers or {})
        self.rows = rows

    @property
    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"code": self.code, "error": self.sentence} | ({} if self.rows is None else {"predictions": self.rows})


def queue_full(waiting: int, seconds: float) -> RefusedError:
    """The refusal of what would have to wait too long; `seconds` is when there should be room again."""
    again = min(60, max(1, math.ceil(seconds)))
    sentence = f"{waiting:,} pictures are waiting already. Try again in {again} second{'s' * (again != 1)}."
    return RefusedError(429, "queue-full", sentence, {"Retry-After": str(again)})


def busy() -> RefusedError:
    """The refusal of a body for which there is no memory now."""
    sentence = "Too many requests are being received at the same time. Try again in 1 second."
    return RefusedError(429, "busy", sentence, {"Retry-After": "1"})


def too_late(seconds: float) -> RefusedError:
    """The refusal of a request that could not be answered in time."""
    return RefusedError(504, "deadline", f"There was no answer within {seconds:g} seconds. Try again, or send fewer pictures.")


def stopping() -> RefusedError:
    """The refusal of a request that comes when the server was told to stop."""
    return RefusedError(503, "stopping", "The server is stopping. Ask another one, or try again.", {"Retry-After": "1"})


@asynccontextmanager
async def in_time(deadline: float, seconds: float) -> AsyncIterator[None]:
    """Inside, what is not done by the deadline, on the clock of `time.monotonic`, is refused; `seconds` is what was allowed."""
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            yield
    except TimeoutError:
        raise too_late(seconds) from None


def without_folders(text: str, places: tuple[str, ...] = ()) -> str:
    """A text for users, in which paths of the server are cut down to their last part.

    >>> without_folders("run:/home/me/own is better than sets/flowers.", ("sets/flowers",))
    'run:own is better than flowers.'
    """
    named = [place for place in places if PurePosixPath(place).name not in ("", "..")]
    for place in sorted(named, key=len, reverse=True):
        text = text.replace(place, PurePosixPath(place).name)
    return re.sub(r"(?<![\w/])(?:~|\.{1,2})?/(?:[^\s,;:()\"'/]+/)*([^\s,;:()\"'/]+)/?", r"\1", text)
