"""Copies: the folder of a run or a gallery on other machines, file by file, each content once a machine."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

from headstart.core.errors import DataError
from headstart.core.folders import cache_folder, check_inside
from headstart.core.records import write_atomically
from headstart.runs.run import FIRST_MODEL, MODEL

LAST = "model.json"
"""The file that is written after all others of a model: whoever sees a new one finds the rest of the new model, too."""
NOT_SERVED = ("steps",)
"""Folders of a run that no answer needs."""
MOST_BYTES = 8 * 10**9
"""Of the files of one run. Each crosses the object store whole. Chosen, not measured."""

Contents = dict[str, str]
"""The SHA-256 of each file, by its path in the folder."""
Fetch = Callable[[str, str], bytes | None]
"""Gives the file of a path if it still has that SHA-256."""


class Listed:
    """What is in a folder; a file is read again when it changed.

    Args:
        folder: Of a run or a gallery.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}

    def contents(self) -> Contents | None:
        """The files that serving needs, those that are written last read first; None where the folder is gone."""
        found: Contents = {}
        known: dict[str, tuple[tuple[int, ...], str]] = {}
        for path in sorted(_files_in(self.folder), key=lambda one: one.name != LAST):
            name = path.relative_to(self.folder).as_posix()
            with suppress(OSError):  # deleted meanwhile
                status = path.stat()
                state = (status.st_mtime_ns, status.st_size, status.st_ino)
                before = self._known.get(name)
                digest = before[1] if before is not None and before[0] == state else _digest(path.read_bytes())
                found[name], known[name] = digest, (state, digest)
        self._known = known
        return found or None

    def content(self, name: str, digest: str) -> bytes | None:
        """The content of a file of the list; None where it changed since."""
        known = self._known.get(name)
        if known is None or known[1] != digest:
            return None
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        return content if _digest(content) == digest else None

    def check_size(self) -> None:
        """`DataError` where the files are too many bytes to be sent."""
        size = sum(path.stat().st_size for path in _files_in(self.folder))
        if size > MOST_BYTES:
            raise DataError(
                f"{self.folder} has {size / 1e9:.1f} GB, and at most {MOST_BYTES / 1e9:g} GB are sent to the nodes of a cluster. "
                "Serve it without --cluster."
            )

    def num_weight_bytes(self) -> int:
        """Bytes of its model on disk, which are about those that it takes in memory."""
        folders = (self.folder / MODEL, self.folder / FIRST_MODEL)
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


class Copy:
    """A folder that follows another one, whose files are fetched.

    Args:
        folder: Where; its name is that of the other one.
        fetch: Gives files of the other one.
    """

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self.folder = folder
        self._fetch = fetch
        self._has: Contents = {}
        self._following = threading.Lock()

    def follow(self, contents: Mapping[str, str]) -> bool:
        """Hold those contents. False, and nothing changed, where a file changed while it was fetched."""
        with self._following:
            return self._follow(contents)

    def _follow(self, contents: Mapping[str, str]) -> bool:
        for name in contents:
            check_inside(name)
        wanted = {name: digest for name, digest in contents.items() if not self._has_already(name, digest)}
        for name, digest in wanted.items():
            if not self._is_here(name, digest):
                return False
        for name in self._has.keys() - contents.keys():
            (self.folder / name).unlink(missing_ok=True)
        for name in sorted(wanted, key=lambda one: PurePosixPath(one).name == LAST):
            _place(_kept_at(wanted[name]), self.folder / name)
        self._has = dict(contents)
        return True

    def _has_already(self, name: str, digest: str) -> bool:
        """Whether the file has that content already; one that was deleted, as with all of the cache, has not."""
        return self._has.get(name) == digest and (self.folder / name).is_file()

    def _is_here(self, name: str, digest: str) -> bool:
        """Whether the content is in the cache of this machine, whole; it is fetched where it is not."""
        if _is_whole(_kept_at(digest), digest):
            return True
        content = self._fetch(name, digest)
        if content is None or _digest(content) != digest:
            return False
        write_atomically(_kept_at(digest), content, durable=False)
        return True


def folder_for_copies(name: str) -> Path:
    """A folder of that name for copies of this process; those of processes that were killed here are deleted."""
    below, machine = _root() / "copies", f"{platform.node()} "
    for folder in below.glob(f"{machine}* *"):
        if not psutil.pid_exists(int(folder.name.removeprefix(machine).split(" ")[0])):
            shutil.rmtree(folder, ignore_errors=True)
    return below / f"{machine}{os.getpid()} {name}"


def _root() -> Path:
    """The folder of the cache for contents that came from other machines."""
    return cache_folder().absolute() / "served"


def _kept_at(digest: str) -> Path:
    return _root() / "files" / digest


def _place(content: Path, target: Path) -> None:
    """Put a content of the cache in its place, at once: as a link to it where the disk can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(content, temporary)
    except OSError:
        shutil.copyfile(content, temporary)
    temporary.replace(target)


def _files_in(folder: Path) -> list[Path]:
    """The files that serving needs; hidden ones are being written."""
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if inside[0] not in NOT_SERVED and not path.name.startswith(".") and path.is_file():
            found.append(path)
    return found


def _is_whole(path: Path, digest: str) -> bool:
    """Whether there is a file with that SHA-256."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
