"""Key files: content keys of images, one a line, with a checksum as the last line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headstart.core.checksums import checksum_of
from headstart.core.errors import OTHER_CONTENT, DamagedError
from headstart.core.parsing import text_in
from headstart.core.records import write_atomically

SEAL = "xxh3:"
"""Before the checksum. Versions that know of none take the line for a key that no image has."""


def write_keys(path: Path, keys: Iterable[str]) -> None:
    """Write keys in their order, atomically."""
    text = "".join(f"{key}\n" for key in sorted(keys))
    write_atomically(path, f"{text}{SEAL}{checksum_of(text.encode())}\n")


def read_keys(path: Path) -> frozenset[str]:
    """The keys in a file; none where it is absent, and a `DamagedError` that names it where it is not as it was written."""
    if not path.exists():
        return frozenset()
    text, found, known = text_in(path).rpartition(SEAL)
    if not found:
        return frozenset(known.split())
    if checksum_of(text.encode()) != known.strip():
        raise DamagedError.of(path, OTHER_CONTENT)
    return frozenset(text.split())
