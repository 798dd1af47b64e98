"""Eviction: files used longest ago are deleted first, and files in use stay."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from headstart.backbones.engines.graphs import SUFFIX as GRAPH_SUFFIX
from headstart.features.store.chunks import SUFFIX

IN_USE_SECONDS = 3600.0
"""A file used so recently, by any process, is never evicted: the cache may exceed its limit by what is written in an hour."""

TOUCH_SECONDS = 300.0
"""How often a process marks a file that it keeps using."""


def files_in(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of the last use in seconds since 1970, bytes and path of every chunk and graph in the folder's subfolders.

    Unfinished ones are included; those that vanish meanwhile are left out.
    """
    patterns = (f"*/*{suffix}*" for suffix in (SUFFIX, GRAPH_SUFFIX)) if folder.is_dir() else ()
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        with suppress(FileNotFoundError):
            status = path.stat()
            yield status.st_mtime, status.st_size, path


def mark_used(path: Path) -> None:
    """Mark the file as used now; one that vanished, or lies where nothing can be written, needs no mark."""
    with suppress(OSError):
        os.utime(path)


def evict(folders: Sequence[Path], limit_bytes: int, idle_seconds: float = IN_USE_SECONDS) -> int:
    """Bytes freed by deleting files in the folders' subfolders until the rest take no more than the limit, or are all in use.

    A file used within `idle_seconds` is in use.
    """
    files = sorted(file for folder in folders for file in files_in(folder))
    excess = sum(num_bytes for _, num_bytes, _ in files) - limit_bytes
    latest = time.time() - idle_seconds
    freed = 0
    for used, num_bytes, path in files:
        if freed >= excess or used > latest:
            break
        if removed(path):
            freed += num_bytes
    return freed


def removed(path: Path) -> bool:
    """Whether the file is gone now; Windows keeps one that somebody has open."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True
