"""Checked chunks: each chunk is compared with its checksum once in a process, when its rows are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headstart.core.arrays import check_safetensors
from headstart.core.dropping import drop
from headstart.core.errors import OTHER_CONTENT, DamagedError


class CheckedChunks:
    """What is known of the chunks of one folder.

    Args:
        folder: Of the chunks.

    Attributes:
        dropped: Names of those that were damaged: where one cannot be deleted, it is still there, and is not to be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dropped: set[str] = set()
        self._sound: set[str] = set()

    def written(self, name: str, *, here: bool) -> None:
        """Note that a chunk was written anew, by this process or by another one."""
        self.dropped.discard(name)
        if here:
            self._sound.add(name)

    def drop(self, name: str, reason: str) -> None:
        """Delete a chunk, whose rows then count as missing."""
        self.dropped.add(name)
        drop(self.folder / name, reason)

    def drops_any(self, names: Iterable[str]) -> bool:
        """Whether any of those chunks is not as it was written; such a chunk is dropped. One that is not here is left out."""
        damaged = False
        for name in set(names) - self._sound:
            try:
                check_safetensors(self.folder / name)
            except OSError:
                continue
            except DamagedError:
                self.drop(name, OTHER_CONTENT)
                damaged = True
            else:
                self._sound.add(name)
        return damaged
