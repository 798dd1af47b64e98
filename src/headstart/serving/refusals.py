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

_NAME = r"[^\s,;:()\"'/\\]+"
_FOLDERS = rf"(?:{_NAME}(?: {_NAME}){{0,2}}[/\\])"
PATH = re.compile(
    rf"(?:(?<![\w/])(?:~|\.{{1,2}})?/{_FOLDERS}*|(?<!\w)[A-Za-z]:[/\\]+{_FOLDERS}*|\b[a-z][a-z0-9+.-]+:/{{2,3}}{_FOLDERS}+)({_NAME})[/\\]?"
)
"""A path from the root, from home or from a drive, or an address, whose folders have names of at most three words."""


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

    def __reduce__(self) -> tuple[type[RefusedError], tuple[Any, ...]]:
        """So that it can come from another process."""
        return RefusedError, (self.status, self.code, self.sentence, self.headers, self.rows)

    @property
    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"code": self.code, "error": self.sentence} | ({} if self.rows is None else {"predictions": self.rows})


def queue_full(waiting: int, seconds: float) -> RefusedError:
    """The refusal of what would have to wait too long; `seconds` is when there should be room again."""
    again = min(60, max(1, math.ceil(seconds)))
    sentence = f"{waiting:,} pictures are waiting already. Try again in {again} second{'s' * (again != 1)}."
    return RefusedError(429, "queue-full", sentence, {"Retry-After": str(again)})


def too_many_comparisons(waiting: int) -> RefusedError:
    """The refusal of a comparison of runs that would have to wait for too many others."""
    sentence = f"{waiting:,} comparisons are waiting already. Try again in 5 seconds."
    return RefusedError(429, "busy", sentence, {"Retry-After": "5"})


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


def out_of_reach() -> RefusedError:
    """The refusal of what needs the folders of a cluster's server while the process that has them cannot be asked."""
    sentence = "The folders of this server cannot be reached now. Try again in 5 seconds."
    return RefusedError(503, "out-of-reach", sentence, {"Retry-After": "5"})


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
    >>> without_folders("s3://bucket/secret/x.png: is empty. /home/me/my pictures/y.png is not.")
    'x.png: is empty. y.png is not.'
    """
    named = [place for place in places if PurePosixPath(place).name not in ("", "..")]
    for place in sorted(named, key=len, reverse=True):
        text = text.replace(place, PurePosixPath(place).name)
    return PATH.sub(r"\1", text)
