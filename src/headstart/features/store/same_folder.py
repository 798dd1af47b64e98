"""Same folder: whether a process on another machine sees the folder that this one writes to; it is tried, never assumed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from headstart.core.records import write_atomically
from headstart.features.store.eviction import removed

TOKENS = "token-*.txt"
"""The files by which a folder is recognized; one stays only where the process that wrote it was killed."""


@dataclass(frozen=True)
class Token:
    """A file in the folder, and what no other file holds."""

    path: Path
    content: str

    @property
    def folder(self) -> Path:
        """The folder that it lies in."""
        return self.path.parent

    def is_seen(self) -> bool:
        """Whether this process sees the file, and may write beside it."""
        try:
            found = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return False
        return found == self.content and os.access(self.folder, os.W_OK)


@contextmanager
def token_in(folder: Path) -> Iterator[Token]:
    """A token in the folder, which is made if absent; an `ExportError` where it cannot be written."""
    content = uuid4().hex
    token = Token(folder.absolute() / TOKENS.replace("*", content), content)
    write_atomically(token.path, content, durable=False)
    try:
        yield token
    finally:
        removed(token.path)
