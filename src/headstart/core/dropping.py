"""Dropping: damaged files that can be made again are deleted, and whoever asked is told, as a finding."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from headstart.core.conditions import noting_conditions
from headstart.core.errors import PlanError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.core.records import Record

R = TypeVar("R", bound=Record)

_LOG = logging.getLogger(__name__)
_TOLD: ContextVar[dict[Path, str] | None] = ContextVar("dropped", default=None)


@contextmanager
def noting_drops() -> Iterator[dict[Path, str]]:
    """Inside, what is dropped is noted: the reason, by the path of the file. So is what was made elsewhere; see `conditions`."""
    outer, told = _TOLD.get(), dict[Path, str]()
    token = _TOLD.set(told)
    try:
        with noting_conditions():
            yield told
    finally:
        _TOLD.reset(token)
        if outer is not None:
            outer.update(told)


def drop(path: Path, reason: str) -> None:
    """Delete a file or folder that is damaged and will be made again, and note it; the log names both.

    One that cannot be deleted stays, and whoever asked takes it for missing.
    """
    _LOG.warning("%s is damaged (%s) and is made again.", path, reason)
    told = _TOLD.get()
    if told is not None:
        told[path] = reason
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # another process was faster, Windows keeps one that is open, or nothing can be written there
            path.unlink()


def finding_of_drops() -> tuple[Finding, ...]:
    """What a person should know of the files that were dropped so far inside `noting_drops`; none where there are none."""
    told = _TOLD.get()
    if not told:
        return ()
    return (
        Finding.warning(
            "damaged-files",
            f"{len(told):,} damaged files of the cache or of finished steps were deleted and made again.",
            "Nothing is wrong with the result. Where it happens again, check the disk and the memory of this machine.",
            num_files=len(told),
            files=[f"{path}: {reason}" for path, reason in list(told.items())[:MOST_EXAMPLES]],
        ),
    )


def cached_record(path: Path, kind: type[R]) -> R | None:
    """The record in a file that can be made again; None where there is none. One that cannot be read is dropped."""
    try:
        return kind.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PlanError as error:
        drop(path, getattr(error, "reason", "") or str(error))
        return None
