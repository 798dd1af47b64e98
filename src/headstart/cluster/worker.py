"""Worker: what a node does with a work."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headstart.cluster.connection import probe_function
from headstart.core.cores import limit_cores
from headstart.core.errors import PlanError

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


def settings_of_caller(threads: int, versions: dict[str, str]) -> dict[str, Any]:
    """What a work needs to know of the process that submits it: threads, versions, and variables that decide results."""
    return {"threads": threads, "versions": versions, "environment": {name: os.environ.get(name) for name in DECIDING_VARIABLES}}


def called(settings: dict[str, Any], function: Callable[..., Any], *arguments: Any) -> Done:
    """The function's result, with its cost, under the settings of the process that asked for it."""
    _check(settings["versions"])
    os.environ["HEADSTART_QUIET"] = "1"
    for name, value in settings["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _limit_threads(settings["threads"])
    begun = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Done(result, seconds, f"{platform.node()} {os.getpid()}", peak)


def _check(versions: dict[str, str]) -> None:
    """Refuse work of a process with other code or versions: this node may have come after the nodes were checked."""
    for name, there in versions.items():
        here = _installed().get(name) or "not installed"
        if here != there:
            raise PlanError(
                f"Node {platform.node()} of the cluster has {name} {here}, and where the command runs it is {there}. "
                "Install the same."
            )


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    found: dict[str, str] = probe_function()()["versions"]
    return found


def _limit_threads(threads: int) -> None:
    """Let this process compute with so many threads: equal numbers give equal rounding, and neighbors keep their cores."""
    import torch  # noqa: PLC0415 - the driver needs none of it
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limit_cores(threads)
    torch.set_num_threads(threads)
    threadpool_limits(threads)
