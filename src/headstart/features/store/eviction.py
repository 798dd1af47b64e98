"""Eviction: what was used longest ago goes first, and what a running process uses stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from headstart.features.store.chunks import SUFFIX

IN_USE_SECONDS = 3600.0
"""A file used so recently, by whatever process, is never evicted: the cache may grow past its limit by what an hour brings."""

TOUCH_SECONDS = 300.0
"""How often a process that goes on using a file says so."""


class CachedFile(NamedTuple):
    """A chunk in the cache.

    Attributes:
        used: When it was last used, in seconds since 1970: its time of change.
        num_bytes: Its size.
        path: The file.
    """

    used: float
    num_bytes: int
    path: Path


def files_in(folder: Path) -> Iterator[CachedFile]:
    """Every chunk in the folder's subfolders, unfinished ones included; those that vanish meanwhile are left out."""
    for path in folder.glob(f"*/*{SUFFIX}*") if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            status = path.stat()
            yield CachedFile(status.st_mtime, status.st_size, path)


def say_used(path: Path) -> None:
    """Mark the file as used now; one that vanished, or lies where nothing can be written, needs no mark."""
    with suppress(OSError):
        os.utime(path)


def evict(folder: Path, limit_bytes: int, idle_seconds: float = IN_USE_SECONDS) -> int:
    """Delete files until those that are left take no more than the limit, or all of them are in use.

    Args:
        folder: Whose subfolders hold the files.
        limit_bytes: What may be left.
        idle_seconds: A file used more recently is in use.

    Returns:
        Bytes freed.
    """
    files = sorted(files_in(folder))
    excess = sum(file.num_bytes for file in files) - limit_bytes
    latest = time.time() - idle_seconds
    freed = 0
    for file in files:
        if freed >= excess or file.used > latest:
            break
        if removed(file.path):
            freed += file.num_bytes
    return freed


def removed(path: Path) -> bool:
    """Whether the file is gone now; Windows keeps one that somebody has open."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True
