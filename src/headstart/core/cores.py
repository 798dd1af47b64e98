"""Cores: how many of the processor's a process may use."""

from __future__ import annotations

import os


def num_cores() -> int:
    """Processor cores that this process may use: fewer than the machine has in many containers and under batch systems."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
