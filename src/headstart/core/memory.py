"""Memory: what this process has, what it had at most, and what the machine, or the container that it runs in, has left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
"""A control group of version 1 without a limit names a number above this, in bytes."""


def resident_bytes() -> int:
    """Bytes of memory that this process has now."""
    return int(psutil.Process().memory_info().rss)


def available_bytes() -> int:
    """Bytes of memory that this process can still get without swapping: of the machine, or of its control groups if less."""
    machine = int(psutil.virtual_memory().available)
    return max(0, min([machine, *(limit - used for limit, used in _control_groups(Path("/proc/self/cgroup"), CGROUPS))]))


def total_bytes() -> int:
    """Bytes of memory that there are, whatever else runs: of the machine, or of its control groups if less."""
    machine = int(psutil.virtual_memory().total)
    return min([machine, *(limit for limit, _ in _control_groups(Path("/proc/self/cgroup"), CGROUPS))])


def peak_bytes() -> int:
    """The most bytes of memory that this process had at a time, or one of the processes that it started and that have ended.

    What the process did before counts too.
    """
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415  not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(_own_peak() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, children)


def _own_peak() -> int:
    """That of this process alone by Linux, whose `ru_maxrss` begins with what the process that started it had; 0 elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _control_groups(membership: Path, root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of each control group of this process that limits memory, of version 2 or 1.

    Pages of files that nobody uses are given back when memory is short, and do not count as used.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            second = not controllers
            top = root if second else root / "memory"
            names = ("memory.max", "memory.current", "inactive_file") if second else _VERSION_1
            # Inside a container the path is often that outside of it, and its own group is the top.
            for folder in dict.fromkeys([*(top / path.strip("/") / up for up in _ups(path)), top]):
                yield from _limit_in(folder, *names)


_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _ups(path: str) -> list[str]:
    return ["/".join([".."] * up) for up in range(len(Path(path.strip("/")).parts))]


def _limit_in(folder: Path, limit: str, used: str, reclaimable: str) -> Iterator[tuple[int, int]]:
    """Limit and use of the control group in a folder; nothing where it has no limit or cannot be read."""
    try:
        most, now = (folder / limit).read_text(encoding="ascii").strip(), int((folder / used).read_text(encoding="ascii"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return
    if most != "max" and int(most) < UNLIMITED:
        yield int(most), max(0, now - int(stat.get(reclaimable, 0)))
