"""Unfinished writes: hidden files and folders beside what they become, locked while somebody writes, deleted after a kill."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import uuid4

from headstart.core.durable import make_folder, sync, sync_folder

if sys.platform != "win32":
    import fcntl

SUFFIX = ".headstart"
"""Of what is being written: no other program gives that name, so that nobody else's files are deleted."""
UNFINISHED = re.compile(rf"\..{{1,40}}\.([0-9a-f]{{32}})({re.escape(SUFFIX)})?")
"""The name of a file or folder that is being written, or that a kill has left half-written. Earlier versions gave it no suffix;
what they left is taken for nothing, and stays."""
OLD_SECONDS = 24 * 3600.0
"""What nobody has written to for so long is dead where no lock tells, as after a new start. Chosen, not measured."""


@cache
def _machine() -> str:
    """Eight hexadecimal digits of this machine since it was started: locks are seen by all processes of the same digits."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    text = boot.read_text() if boot.exists() else platform.node()
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _place_for(target: Path) -> Path:
    """A new name beside a path."""
    return target.parent / f".{target.name[:40]}.{_machine()}{uuid4().hex[8:]}{SUFFIX}"


@contextmanager
def taking_place(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    """A file to write to, which takes the path's place at the end, at once; after an exception it is gone.

    Args:
        path: Its folder is made if absent.
        durable: Whether a power failure leaves the old content or the new at that path; else it may leave a part, or nothing.

    Yields:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    make_folder(path.parent, durable=durable)
    part, stream, lock = _opened_for(path)
    try:
        with stream:
            yield stream
            if durable:
                stream.flush()
                sync(stream.fileno())
        part.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        _release(lock)


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """A new folder beside a path, which may be renamed, or what is in it; the rest of it is deleted at the end.

    `OSError` where it cannot be made.
    """
    make_folder(target.parent)
    while True:
        part = _place_for(target)
        part.mkdir()
        lock = _locked(os.open(part, os.O_RDONLY)) if sys.platform != "win32" else None
        if _is_at(lock, part):
            break
        _release(lock)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _release(lock)


def _opened_for(path: Path) -> tuple[Path, BinaryIO, int | None]:
    """A new file, open, with the descriptor of its lock; None where there are no locks.

    The lock outlives the stream, which is closed before the file is renamed.
    """
    while True:
        part = _place_for(path)
        stream = part.open("xb")
        try:
            lock = _locked(os.dup(stream.fileno())) if sys.platform != "win32" else None
        except OSError:
            stream.close()
            part.unlink()
            raise
        if _is_at(lock, part):
            return part, stream, lock
        stream.close()
        _release(lock)


def _locked(descriptor: int) -> int | None:
    """The descriptor, whose file is locked until it is closed; None, and it is closed, where the file system has no locks."""
    assert sys.platform != "win32"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_at(lock: int | None, part: Path) -> bool:
    """Whether a locked file has its name still: between its making and its locking another process may have taken it for dead."""
    if lock is None:
        return True
    try:
        there = part.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(lock)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def sweep(folder: Path, *, below: bool = False) -> int:
    """Delete what processes that are dead have left half-written in a folder.

    Only what has a name of this version counts. Dead is what no process of this machine has locked; what was written before this
    machine was started, on another one or where there are no locks must be `OLD_SECONDS` old as well. What cannot be deleted
    stays.

    Args:
        folder: It need not exist.
        below: Whether folders in it are looked through, too.

    Returns:
        Bytes freed.
    """
    freed = 0
    for place, folders, files in os.walk(folder):
        found = [match for name in (*folders, *files) if (match := UNFINISHED.fullmatch(name)) and match[2]]
        freed += sum(_swept(Path(place) / match[0], match[1]) for match in found)
        mine = {match[0] for match in found}
        folders[:] = [name for name in folders if name not in mine] if below else []
    return freed


def _swept(part: Path, digits: str) -> int:
    """Bytes freed: those of a file or folder with those digits in its name, where it was dead."""
    with suppress(OSError), _trying_lock(part) as found:
        size, last = _size_and_change(part)
        told = found == "free" and digits.startswith(_machine())
        if found == "locked" or not (told or time.time() - last > OLD_SECONDS):
            return 0
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
        return size
    return 0


@contextmanager
def _trying_lock(part: Path) -> Iterator[Literal["locked", "free", "unknown"]]:
    """Whether another process has a lock on it; where none has, this one does until the end."""
    if sys.platform == "win32" or part.is_symlink():
        yield "unknown"  # Windows itself keeps files that are open
        return
    descriptor = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield "locked"
        except OSError:
            yield "unknown"
        else:
            yield "free"
    finally:
        os.close(descriptor)


def _size_and_change(part: Path) -> tuple[int, float]:
    """Bytes of a file or folder, and when it, or anything in it, changed last."""
    found = [path.lstat() for path in (part, *part.rglob("*"))]
    return sum(status.st_size for status in found), max(status.st_mtime for status in found)
