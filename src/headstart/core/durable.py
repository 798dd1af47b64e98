"""Durable: what was written reaches the disk itself, so that a power failure does not take it away."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

_CANNOT = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of file systems that cannot be asked to. All others, such as that of a full disk, are met by whoever writes."""
_FOR_SYNC = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY


def sync(descriptor: int) -> None:
    """Wait until the disk has what was written to an open file or, of a folder, its names; `OSError` where it does not take it.

    macOS hands it to the disk and does not wait until the disk's own memory is empty, as SQLite and Git do not by default.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder: of new and renamed files, and not those of deleted ones.

    Nothing on Windows, which cannot be asked to, nor for a folder that may be written and not read.
    """
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Wait until the disk has a file that was written and closed."""
    descriptor = os.open(path, _FOR_SYNC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has all files in a folder and below it, and their names, but for its own name."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync_file(Path(place) / name)
        sync_folder(Path(place))


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """Make a folder with those above it, where they are absent, and wait until the disk has their names."""
    absent = []
    for place in (folder, *folder.parents):
        if place.is_dir():
            break
        absent.append(place)
    if absent:
        folder.mkdir(parents=True, exist_ok=True)
    for place in reversed(absent) if durable else ():
        sync_folder(place.parent)
