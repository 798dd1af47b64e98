"""In progress: what a run that is being made is doing, in a file of its folder that others read meanwhile."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psutil

from headstart.core.errors import ExportError, HeadstartError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.records import Record, write_atomically
from headstart.core.watching import Standing, watched_by, watcher

PROGRESS = "progress.json"
"""The file; a run that ended well has none."""
SECONDS_BETWEEN = 1.0
"""How often it is written while one stage goes on; a stage and a new best are written at once."""
SILENT_SECONDS = 600.0
"""A run of another machine that has written nothing for so long counts as gone. Chosen, not measured."""
CLOCK_SECONDS = 2.0
"""What two readings of the moment at which a process began may differ by."""


class InProgress(Record):
    """What a run is doing. Moments are seconds since 1970, as clocks of several processes show them.

    Attributes:
        process: That makes it.
        machine: Where that runs, and among which processes, as a container has numbers of its own.
        process_begun: When the process began, which tells it from a later one of the same number.
        begun: When it began, or went on.
        written: The last sign of life.
        stage: What is being done.
        part: A part of it that is counted; empty where nothing is.
        done: How much of the part is done.
        total: Of how much.
        best: What is most accurate so far.
        accuracy: Its accuracy.
        num_tried: Candidates that were fitted.
        until: When trying ends at the latest, as predicted; None before anything was tried.
        ended: Why it ended before its end; empty while it goes on.
    """

    process: int
    machine: str
    begun: float
    written: float
    process_begun: float = 0.0
    stage: str = ""
    part: str = ""
    done: int = 0
    total: int = 0
    best: str = ""
    accuracy: Estimate | None = None
    num_tried: int = 0
    until: float | None = None
    ended: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether the run is being made."""
        if self.ended:
            return False
        if self.machine == this_machine():
            return abs(_begun(self.process) - self.process_begun) < CLOCK_SECONDS
        return time.time() - self.written < SILENT_SECONDS


def in_progress(folder: Path) -> InProgress | None:
    """What the run in a folder is doing, or did when it ended early; None where it ended well, or nothing was written."""
    path = folder / PROGRESS
    try:
        return InProgress.read(path)
    except (OSError, UnicodeDecodeError, PlanError):  # gone meanwhile, or of another version: nothing is known of it then
        return None


def this_machine() -> str:
    """The name of the machine, with the number of the namespace of its processes where there are such."""
    namespace = Path("/proc/self/ns/pid")
    return f"{platform.node()} {namespace.stat().st_ino}" if namespace.exists() else platform.node()


def _begun(process: int) -> float:
    """When a process of this machine began, in seconds since 1970; below every moment where it is gone."""
    try:
        found = psutil.Process(process)
        return float("-inf") if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except (psutil.Error, ValueError):
        return float("-inf")


@contextmanager
def noted_in(folder: Path) -> Iterator[None]:
    """Inside, a file of the folder says what is being done. It is deleted at the end; where that is an exception, it says so."""
    who = watcher()
    if isinstance(who, _Writer) and who.folder == folder:
        yield
        return
    writer = _Writer(folder)
    try:
        with watched_by(writer):
            yield
    except BaseException as error:
        writer.change(ended=_reason(error))
        raise
    forget_in(folder)


def forget_in(folder: Path) -> None:
    """Delete the file of a run that ended well; where somebody reads it, as on Windows, the next call does."""
    with suppress(OSError):
        (folder / PROGRESS).unlink(missing_ok=True)


def _reason(error: BaseException) -> Literal["interrupted"] | str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) if isinstance(error, HeadstartError) else type(error).__name__


class _Writer:
    """Writes what is told into the file of a folder.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = time.time()
        own = {"process": os.getpid(), "process_begun": _begun(os.getpid()), "machine": this_machine()}
        self._known = InProgress(**own, begun=now, written=now)
        self.change()

    def note_stage(self, description: str) -> None:
        self.change(stage=description, part="", done=0, total=0)

    def note_advance(self, description: str, done: int, total: int) -> None:
        if time.time() - self._known.written >= SECONDS_BETWEEN:
            self.change(part=description, done=done, total=total)

    def note_standing(self, standing: Standing) -> None:
        until = time.time() + standing.left_seconds
        self.change(best=standing.best, accuracy=standing.accuracy, num_tried=standing.num_tried, until=until)

    def change(self, **values: Any) -> None:
        """Write what is known with other values. A disk that takes no record of this ends no run: its own files will say so."""
        self._known = self._known.model_copy(update={**values, "written": time.time()})
        with suppress(ExportError):
            write_atomically(self.folder / PROGRESS, self._known.to_json(), durable=False)
