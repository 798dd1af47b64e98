"""Mirror: features and finished steps in an object store, where every machine finds what any machine has finished.

What is mirrored has an address made of its content or its inputs, and an object appears whole: two writers can only write the
same result under one name. The listing of a folder is therefore its manifest, and the union of two writers needs no merge.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from headstart.core.errors import DataError, ExportError, PlanError
from headstart.core.folders import check_inside
from headstart.core.object_stores import DISK_FULL, is_in_store, opened, reaching
from headstart.core.records import write_atomically

SETTING = "HEADSTART_STORE"
NUM_THREADS = 16
"""Objects that are read at a time. Chosen, not measured: most of the time of a small one is waiting for the store."""


class Mirror:
    """A place that `fsspec` opens; `mirror` makes one, and tries it.

    Args:
        address: Such as s3://bucket/prefix.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._fs, self._root = opened(self.address)
        self._is_local = not is_in_store(self._fs)

    def _place(self, name: str) -> str:
        return f"{self._root}/{name}"

    def check(self) -> None:
        """Write an object and delete it; a `DataError` or `ExportError` where that is not possible."""
        name = f"probe-{uuid4().hex}"
        self.put(name, b"headstart")
        with self._writing(name):
            self._fs.rm_file(self._place(name))

    def names(self, folder: str) -> dict[str, int]:
        """The objects in a folder, folders left out, with their sizes in bytes, by name without the folder."""
        with reaching(f"{self.address}/{folder}"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._place(folder), detail=True)
            except FileNotFoundError:
                return {}
        return {posixpath.basename(one["name"]): int(one["size"] or 0) for one in found if one["type"] == "file"}

    def inside(self, folder: str) -> list[str]:
        """The names of all objects below a folder, without the folder."""
        with reaching(f"{self.address}/{folder}"):
            self._fs.invalidate_cache()
            root = self._place(folder)
            return sorted(posixpath.relpath(name, root) for name in self._fs.find(root))

    def read(self, name: str, num_bytes: int | None = None) -> bytes | None:
        """The bytes of an object, or the first of them; None where there is none."""
        with reaching(f"{self.address}/{name}"):
            try:
                content: bytes = self._fs.cat_file(
                    self._place(name), **({} if num_bytes is None else {"start": 0, "end": num_bytes})
                )
            except FileNotFoundError:
                return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Write an object, whole or not at all; an `ExportError` where it cannot be written."""
        if self._is_local:
            write_atomically(Path(self._place(name)), content, durable=False)
            return
        with self._writing(name):
            self._fs.pipe_file(self._place(name), content)

    def fetch(self, name: str, path: Path) -> int | None:
        """Write an object to a file, whole or not at all; its size in bytes, None where there is none."""
        content = self.read(name)
        if content is None:
            return None
        write_atomically(path, content, durable=False)
        return len(content)

    def fetch_all(self, names: Iterable[str], folder: Path) -> list[int | None]:
        """Fetch some objects to a folder, by the last part of their names; as `fetch` of each."""
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            return list(pool.map(lambda name: self.fetch(name, folder / posixpath.basename(name)), names))

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Inside, whatever goes wrong is one sentence."""
        with reaching(f"{self.address}/{name}", (OSError,)):
            try:
                yield
            except FileNotFoundError:
                raise DataError(
                    f"{SETTING} = {self.address}: the bucket or folder does not exist. Make it, or correct the address."
                ) from None
            except OSError as error:
                raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> Exception:
        reason = " ".join((error.strerror or str(error)).split()).rstrip(".")
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            return ExportError(
                f"{SETTING} = {self.address}: nothing can be written there ({reason}). Set credentials that may write, or name "
                "another place."
            )
        if error.errno in DISK_FULL:
            return ExportError(f"{SETTING} = {self.address}: is full ({reason}). Free space there, or name another place.")
        return DataError(f"{SETTING} = {self.address}: cannot be reached ({reason}). Try again: what is finished is kept.")


def mirror() -> Mirror | None:
    """The place that `HEADSTART_STORE` names, which was written to once to try it; None where the variable is unset or empty.

    `DataError`, `ExportError` or `PlanError` where it cannot be used.
    """
    address = os.environ.get(SETTING, "")
    return mirror_at(address) if address else None


@lru_cache(maxsize=4)
def mirror_at(address: str) -> Mirror:
    """As `mirror`, of an address."""
    if "://" not in address:
        raise PlanError(
            f'{SETTING} = "{address}" is no address. Write one such as s3://bucket/features or file:///shared/folder.'
        )
    found = Mirror(address)
    found.check()
    return found


def send_step(path: Path) -> None:
    """Mirror a finished step, its folder first, so that the folder is complete where the file exists."""
    there = mirror()
    if there is None:
        return
    folder, place = path.with_suffix(""), _place_of(path)
    for file in sorted(one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else ():
        there.put(f"{place}/{folder.name}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    there.put(f"{place}/{path.name}", path.read_bytes())


def fetch_step(path: Path) -> None:
    """Bring a mirrored step to a path, its folder first; nothing happens where there is none."""
    there = mirror()
    place = _place_of(path)
    content = None if there is None else there.read(f"{place}/{path.name}")
    if there is None or content is None:
        return
    for inside in there.inside(f"{place}/{path.stem}"):
        check_inside(inside)
        there.fetch(f"{place}/{path.stem}/{inside}", path.with_suffix("") / inside)
    write_atomically(path, content, durable=False)


def _place_of(path: Path) -> str:
    """Where a step is mirrored: as in the folder that it lies in, whose name tells version, engine and machine."""
    return f"steps/{path.parent.name}"
