"""Worker: what a node does with a work."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headstart.core.cores import limit_cores

DECIDING_VARIABLES = ("HEADSTART_ENGINE", "HEADSTART_STORE")
"""Settings of the driver that decide what is computed, or where results lie."""


@dataclass
class Done:
    """A finished work.

    Attributes:
        result: What the function returned.
        seconds: What it took.
        node: Where it ran: the machine's name and the process.
        peak_bytes: The most memory that the process has used so far.
    """

    result: Any
    seconds: float
    node: str
    peak_bytes: int


def settings_of_caller(threads: int) -> dict[str, Any]:
    """What a work needs to know of the process that submits it."""
    return {"threads": threads, "environment": {name: os.environ[name] for name in DECIDING_VARIABLES if name in os.environ}}


def called(settings: dict[str, Any], function: Callable[..., Any], *arguments: Any) -> Done:
    """The function's result, with its cost, under the settings of the process that asked for it."""
    os.environ.update(settings["environment"], HEADSTART_QUIET="1")
    _limit_threads(settings["threads"])
    begun = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Done(result, seconds, f"{platform.node()} {os.getpid()}", peak)


def _limit_threads(threads: int) -> None:
    """Let this process compute with so many threads: equal numbers give equal rounding, and neighbors keep their cores."""
    import torch  # noqa: PLC0415 - the driver needs none of it
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limit_cores(threads)
    torch.set_num_threads(threads)
    threadpool_limits(threads)
