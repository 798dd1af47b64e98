"""Cores: how many of the processor's a process may use."""

from __future__ import annotations

import os

_limit: int | None = None


def limit_cores(most: int | None) -> None:
    """Let this process use so many cores at most, as one of several that share a machine; None for no limit."""
    global _limit  # noqa: PLW0603  what a process may use is a matter of the process
    _limit = most


def num_cores() -> int:
    """Processor cores that this process may use: fewer than the machine has in many containers and under batch systems."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return own if _limit is None else min(own, _limit)
