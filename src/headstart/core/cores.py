"""Cores: how many of the processor's a process may use."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

_limit: int | None = None


def limit_cores(most: int | None) -> None:
    """Let this process use so many cores at most, as one of several that share a machine; None for no limit."""
    global _limit  # noqa: PLW0603  what a process may use is a matter of the process
    _limit = most


def num_cores() -> int:
    """Processor cores that this process may use: fewer than the machine has in many containers and under batch systems."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return own if _limit is None else min(own, _limit)


def num_threads() -> int:
    """Threads that libraries compute with: what `OMP_NUM_THREADS` says, or the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else num_cores()


@cache
def processor_name() -> str:
    """The name of the processor, as its maker gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
