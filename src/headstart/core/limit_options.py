"""Limits of a server as its options have them, for the command, the function and the server alike."""

from __future__ import annotations

from typing import NamedTuple


class LimitOptions(NamedTuple):
    """What `headstart serve` takes on unless it is told otherwise. The defaults are chosen, not measured.

    Attributes:
        max_megabytes: Of the body of a request.
        max_files: Pictures of a request.
        max_megapixels: Of a picture.
        queue: Pictures that may wait for one model.
        deadline: Seconds in which a request is answered, or refused.
    """

    max_megabytes: float = 32.0
    max_files: int = 64
    max_megapixels: float = 50.0
    queue: int = 256
    deadline: float = 10.0


USUAL = LimitOptions()
