"""Packing: a step made by another process, and its files on the way back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.core.folders import cache_folder
from headstart.core.records import Record, write_atomically
from headstart.core.stopping import Reason, StoppedError, Stopper, stoppable

KEPT_SECONDS = 24 * 3600.0
"""A step stays with the process that made it for so long, in case that its result did not arrive. Chosen, not measured."""
STAYS = frozenset({"cache"})
"""Folders that are not sent: decoded pictures, which any process decodes again."""


@dataclass(frozen=True)
class Packed:
    """A step on the way.

    Attributes:
        result: Its result as JSON; empty where time ended it.
        files: Contents by path in its folder.
        seconds: What it took.
        stopped: Where time ended it: the reason, the steps of training done and those that it was to take.
    """

    result: str
    files: dict[str, bytes] = field(repr=False)
    seconds: float
    stopped: tuple[Reason, int, int] | None = None


def made_elsewhere(stem: str, until: float | None, function: Callable[..., Record], *arguments: Any) -> Packed:
    """The step of that name, made in the cache folder of this machine; one that was finished here before is read.

    Args:
        stem: Its name.
        until: When the time is over, in seconds since 1970; None where it has no end.
        function: Makes it in a folder, the first argument.
        *arguments: The others.

    Returns:
        The step with its files. Where time ended it, those that it goes on from.
    """
    home = cache_folder() / "elsewhere"
    _drop_old(home)
    folder, path = home / stem, home / f"{stem}.json"
    begun = time.perf_counter()
    if path.exists():
        return Packed(path.read_text(encoding="utf-8"), _files(folder), 0.0)
    timed: AbstractContextManager[None] = (
        nullcontext() if until is None else stoppable(Stopper(time.monotonic() + until - time.time()))
    )
    try:
        with timed:
            result = function(folder, *arguments)
    except StoppedError as stopped:
        ended = stopped.reason, stopped.steps_done, stopped.steps
        return Packed("", _files(folder), time.perf_counter() - begun, ended)
    write_atomically(path, result.to_json())
    return Packed(result.to_json(), _files(folder), time.perf_counter() - begun)


def unpack(packed: Packed, folder: Path) -> None:
    """Write the files of a step into its folder; `StoppedError` where time ended it."""
    for name, content in packed.files.items():
        write_atomically(folder / name, content)
    if packed.stopped is not None:
        raise StoppedError(*packed.stopped)


def _files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []
    names = {path: path.relative_to(folder) for path in paths}
    return {name.as_posix(): path.read_bytes() for path, name in names.items() if not STAYS.intersection(name.parts)}


def _drop_old(home: Path) -> None:
    """Delete steps that were made long ago."""
    for path in home.iterdir() if home.is_dir() else ():
        try:
            old = time.time() - path.stat().st_mtime > KEPT_SECONDS
        except FileNotFoundError:  # another process deleted it meanwhile
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
