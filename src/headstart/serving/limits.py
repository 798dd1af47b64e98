"""Limits: how much one request, and all that wait, may ask of a server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from headstart.core.records import Record

MEGABYTE = 1_000_000
MEGAPIXEL = 1_000_000


class Limits(Record):
    """How much is taken on; what is more is refused with a status that says so. The defaults are chosen, not measured.

    Attributes:
        max_bytes: Of the body of one request.
        max_files: Pictures of one request.
        max_pixels: Of one picture, checked before it is decoded; at three bytes each they bound the memory that decoding takes.
        queue_pictures: Pictures that a model has taken on and not answered yet.
        deadline_seconds: A request that is not answered by then is refused.
        body_seconds: A body that is not complete by then is refused.
        total_bytes: Of all bodies in memory at the same time.
    """

    max_bytes: Annotated[int, Field(ge=1)] = 32 * MEGABYTE
    max_files: Annotated[int, Field(ge=1)] = 64
    max_pixels: Annotated[int, Field(ge=1)] = 50 * MEGAPIXEL
    queue_pictures: Annotated[int, Field(ge=1)] = 256
    deadline_seconds: Annotated[float, Field(gt=0)] = 10.0
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    total_bytes: Annotated[int, Field(ge=1)] = 512 * MEGABYTE
