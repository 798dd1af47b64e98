"""A power failure: what lies in folders is what was synced, and nothing else."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path

AFTER = ".after"
"""Behind the name of a folder: what it is after the power failed."""


class Synced:
    """What reached the disk of some folders: content of files and names in folders, by the numbers of both.

    Files stay open, so that the numbers of deleted ones are not taken by others.

    Args:
        folders: All in them counts as synced.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.folders = folders
        self.open: dict[int, int] = {}
        self.content: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        for folder in folders:
            for path in (folder, *folder.rglob("*")):
                self.note(path)

    def number(self, path: str | Path) -> int:
        """The number of a file or folder, which no other one gets."""
        descriptor = os.open(path, os.O_RDONLY)
        number = os.fstat(descriptor).st_ino
        if number in self.open:
            os.close(descriptor)
        else:
            self.open[number] = descriptor
        return number

    def note(self, path: str | Path) -> None:
        """A file or folder is synced as it is now."""
        if Path(path).is_dir():
            self.names[self.number(path)] = {entry.name: self.number(entry.path) for entry in os.scandir(path)}
        else:
            self.content[self.number(path)] = Path(path).read_bytes()

    def write(self, *, names_kept: bool) -> None:
        """Write what is left beside each folder."""
        for folder in self.folders:
            after = folder.with_name(folder.name + AFTER)
            if names_kept:
                self._write_kept(folder, after)
            else:
                self._write_lost(self.number(folder), after)

    def _write_lost(self, number: int, place: Path) -> None:
        if number in self.content:
            place.write_bytes(self.content[number])
        elif Path(f"/proc/self/fd/{self.open[number]}").is_dir():
            place.mkdir()
            for name, inside in self.names.get(number, {}).items():
                self._write_lost(inside, place / name)
        else:
            place.write_bytes(b"")

    def _write_kept(self, there: Path, place: Path) -> None:
        if there.is_dir():
            place.mkdir()
            for path in there.iterdir():
                self._write_kept(path, place / path.name)
        else:
            place.write_bytes(self.content.get(self.number(there), b""))


def after_power(folders: Sequence[Path]) -> None:
    """Put in place what a power failure left of folders, where there was one."""
    for folder in folders:
        after = folder.with_name(folder.name + AFTER)
        if after.exists():
            shutil.rmtree(folder)
            after.rename(folder)
