"""Packing: a step made by another process, and its files on the way back."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.core.folders import cache_folder, check_inside
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.soundness import drops_damaged_step, known_fault_of
from headstart.core.stopping import Reason, StoppedError, Stopper, stoppable

KEPT_SECONDS = 24 * 3600.0
"""A step stays with the process that made it for so long, in case that its result did not arrive. Chosen, not measured."""
CHECKPOINT, CACHE = "checkpoint.safetensors", "cache"
"""What a step that was killed goes on from. The second is not sent: decoded pictures, which any process decodes again."""


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


@dataclass(frozen=True)
class Request:
    """What a process is asked to make.

    Attributes:
        stem: Name of the step.
        identity: Of what else decides its result: code, engine, threads. Results of another one are not taken.
        until: When the time is over, in seconds since 1970; None where it has no end.
        files: What the step goes on from, by path in its folder.
        anew: Whether a result that was made here before is not taken, as it lacks what is wanted.
    """

    stem: str
    identity: str = ""
    until: float | None = None
    files: dict[str, bytes] = field(repr=False, default_factory=dict)
    anew: bool = False


def made_elsewhere(request: Request, function: Callable[..., Record], *arguments: Any) -> Packed:
    """A step, made in the cache folder of this machine; one that was finished here before is read.

    Args:
        request: Which step.
        function: Makes it in a folder, the first argument.
        *arguments: The others.

    Returns:
        The step with its files. Where time ended it, those that it goes on from.
    """
    home = cache_folder() / "elsewhere" / fingerprint_of([request.identity, platform.node()])
    _drop_old(home)
    folder, path = home / request.stem, home / f"{request.stem}.json"
    begun = time.perf_counter()
    if path.exists() and not request.anew and not known_fault_of(path) and not drops_damaged_step(path):
        return Packed(path.read_text(encoding="utf-8"), files_in(folder), 0.0)
    path.unlink(missing_ok=True)
    if not folder.exists():
        _write(request.files, folder)
    left = None if request.until is None else request.until - time.time()
    timed: AbstractContextManager[None] = nullcontext() if left is None else stoppable(Stopper(time.monotonic() + left))
    try:
        with timed:
            result = function(folder, *arguments)
    except StoppedError as stopped:
        ended = stopped.reason, stopped.steps_done, stopped.steps
        return Packed("", files_in(folder), time.perf_counter() - begun, ended)
    drop_checkpoints(folder)
    write_atomically(path, result.to_json())
    return Packed(result.to_json(), files_in(folder), time.perf_counter() - begun)


def unpack(packed: Packed, folder: Path) -> None:
    """Write the files of a step into its folder; `StoppedError` where time ended it, `DataError` where a file lies outside."""
    _write(packed.files, folder)
    if packed.stopped is not None:
        raise StoppedError(*packed.stopped)


def drop_checkpoints(folder: Path) -> None:
    """Delete what only a killed step needs to go on: hundreds of megabytes of weights and pictures. Histories stay."""
    for path in [*folder.rglob(CHECKPOINT), *folder.rglob(CACHE)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        check_inside(name)
        write_atomically(folder / name, content)


def files_in(folder: Path) -> dict[str, bytes]:
    """The files of a step by path in its folder, as they are sent."""
    paths = [path for path in sorted(folder.rglob("[!.]*")) if path.is_file()] if folder.is_dir() else []
    names = {path: path.relative_to(folder) for path in paths}
    return {name.as_posix(): path.read_bytes() for path, name in names.items() if CACHE not in name.parts}


def _drop_old(home: Path) -> None:
    """Delete steps of which nothing was written for long, their results first."""
    for stem in {path.stem for path in home.iterdir()} if home.is_dir() else ():
        paths = [home / f"{stem}.json", home / stem, *(home / stem).rglob("*")]
        times = []
        for path in paths:
            with suppress(FileNotFoundError):  # another process deleted it meanwhile
                times.append(path.stat().st_mtime)
        if times and time.time() - max(times) > KEPT_SECONDS:
            (home / f"{stem}.json").unlink(missing_ok=True)
            shutil.rmtree(home / stem, ignore_errors=True)
