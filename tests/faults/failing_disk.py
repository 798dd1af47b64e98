"""A disk that fails: each open for writing, written block, new, renamed, synced and deleted file is counted, and one fails.

Files are written through real descriptors, so that a failing write leaves a part of its bytes, as a full disk does.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

from power import Synced

DELETING = ("remove", "unlink", "rmdir")
CHANGES = ("replace", "rename", "link", "symlink", "mkdir", "truncate", *DELETING)
OF_TARGET = ("replace", "rename", "link", "symlink")
"""Changes whose second argument is what is written."""


class Fault(NamedTuple):
    """What happens at a point.

    Attributes:
        name: For reports.
        error: As in `errno`; None for a SIGKILL.
        lasts: Whether all points after it fail too, but for deletions where the disk is full.
        after: Whether the point itself still happens before the process is killed.
        power: Where the power fails with it: whether the names in folders that were not synced are "lost", as the content of such
            files is in any case, or "kept".
    """

    name: str
    error: int | None
    lasts: bool = False
    after: bool = False
    power: Literal["", "lost", "kept"] = ""


FULL = Fault("disk full", errno.ENOSPC, lasts=True)
ONCE = Fault("input/output error", errno.EIO)
READ_ONLY = Fault("read-only", errno.EROFS, lasts=True)
KILLED_BEFORE = Fault("killed before", None)
KILLED_AFTER = Fault("killed after", None, after=True)
POWER_LOST = Fault("power cut, names lost", None, after=True, power="lost")
POWER_KEPT = Fault("power cut, names kept", None, after=True, power="kept")


@dataclass
class Disk:
    """The part of the disk that is watched.

    Attributes:
        folders: Absolute paths that are watched, with all below them.
        at: Point that fails, from 1 on; 0 fails nowhere.
        fault: How.
        points: What each point so far was.
        synced: What a power failure leaves, where the fault is one.
    """

    folders: tuple[str, ...]
    at: int
    fault: Fault
    points: list[str] = field(default_factory=list)
    synced: Synced | None = None

    def holds(self, path: Any) -> bool:
        """Whether a path lies in a watched folder."""
        return not isinstance(path, int) and str(Path(os.fsdecode(path)).absolute()).startswith(self.folders)

    def fails(self, what: str, path: Any) -> bool:
        """Count a point, and say whether it fails."""
        self.points.append(f"{what} {os.fsdecode(path)}")
        now = len(self.points)
        if not self.at or now < self.at or (now > self.at and not self.fault.lasts):
            return False
        return not (self.fault.error == errno.ENOSPC and what in DELETING)

    def fail(self, path: Any) -> None:
        """End as the fault does."""
        if self.fault.error is not None:
            raise OSError(self.fault.error, os.strerror(self.fault.error), os.fsdecode(path))
        if self.synced is not None:
            self.synced.write(names_kept=self.fault.power == "kept")
        os.kill(os.getpid(), signal.SIGKILL)

    def changed(self, what: str, path: Any, change: Callable[[], Any]) -> Any:
        """Make one change of the disk, a point."""
        fails = self.fails(what, path)
        if fails and not self.fault.after:
            self.fail(path)
        try:
            return change()
        finally:
            if fails:
                self.fail(path)


class _Blocks(io.FileIO):
    """A file whose written blocks are points."""

    disk: Disk

    def write(self, block: Any) -> int:
        view, path = memoryview(block).cast("B"), os.fsdecode(self.name)
        if not self.disk.fails("write", path):
            return super().write(view)
        super().write(view if self.disk.fault.after else view[: len(view) // 2])
        self.disk.fail(path)
        raise AssertionError


@contextmanager
def watched(folders: Sequence[Path], at: int = 0, fault: Fault = ONCE) -> Iterator[Disk]:
    """Inside, the disk below the folders is watched, and fails at one point."""
    disk = Disk(tuple(str(folder.resolve()) for folder in folders), at, fault)
    if at and fault.power:
        disk.synced = Synced(folders)
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(os, "fsync", _syncing(disk)))
        for name in CHANGES:
            patches.enter_context(mock.patch.object(os, name, _change(disk, name)))
        for module in (io, builtins):
            patches.enter_context(mock.patch.object(module, "open", _opening(disk, module.open)))
        patches.enter_context(mock.patch.object(shutil, "_USE_CP_SENDFILE", False))  # copies block by block, which are points
        yield disk


def _change(disk: Disk, name: str) -> Callable[..., Any]:
    real = getattr(os, name)

    def change(path: Any, *args: Any, **named: Any) -> Any:
        target = args[0] if name in OF_TARGET else path
        nothing = (name == "mkdir" and Path(path).is_dir()) or (name in DELETING and not os.path.lexists(path))
        if named.get("dir_fd") is not None or nothing or not disk.holds(target):
            return real(path, *args, **named)
        return disk.changed(name, target, lambda: real(path, *args, **named))

    return change


def _syncing(disk: Disk) -> Callable[[int], None]:
    def sync(descriptor: int) -> None:
        path = os.path.realpath(f"/proc/self/fd/{descriptor}")

        def change() -> None:
            if disk.synced is not None:
                disk.synced.note(path)

        if disk.holds(path):
            disk.changed("sync", path, change)

    return sync


def _opening(disk: Disk, real: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:
        if not set("wax+") & set(mode) or not disk.holds(file):
            return real(file, mode, buffering, *rest, **named)
        raw = disk.changed(f"open {mode}", file, lambda: _Blocks(file, mode.replace("b", "").replace("t", "")))
        raw.disk = disk
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *rest, **named)

    return opened
