"""Sealed tables: Parquet files with a checksum of all their bytes before the footer, where other programs do not look.

A Parquet file ends with its footer, the length of that and a mark; what lies between the last column and the footer is read by
nobody.
"""

from __future__ import annotations

import os
from pathlib import Path

from headstart.core.checksums import DIGITS, UNKNOWN, checksum_of
from headstart.core.errors import OTHER_CONTENT, DamagedError
from headstart.core.records import write_atomically

MARK = b"PAR1"
TAIL_BYTES = 4 + len(MARK)
"""A file ends with the length of its footer and the mark."""
SEAL = b"headstart-xxh3:"
"""What stands before the checksum; files of earlier versions have neither."""


def write_sealed(path: Path, content: bytes) -> None:
    """Write the bytes of a Parquet file with their checksum, atomically."""
    at = _footer_at(content)
    head, tail = content[:at] + SEAL, content[at:]
    write_atomically(path, head + checksum_of(head, UNKNOWN.encode(), tail).encode() + tail)


def read_sealed(path: Path) -> bytes:
    """The bytes of a Parquet file; a `DamagedError` that names it where its checksum is not theirs, `OSError` as `read_bytes`."""
    with path.open("rb") as stream:  # a link to a device has no size, and no end
        content = stream.read(os.fstat(stream.fileno()).st_size)
    at = _footer_at(content)
    begin = at - DIGITS
    if begin >= len(SEAL) and content[begin - len(SEAL) : begin] == SEAL:
        view = memoryview(content)
        if checksum_of(view[:begin], UNKNOWN.encode(), view[at:]).encode() != content[begin:at]:
            raise DamagedError.of(path, OTHER_CONTENT)
    return content


def _footer_at(content: bytes) -> int:
    """Where the footer begins; 0 where the file has none."""
    length = int.from_bytes(content[-TAIL_BYTES : -len(MARK)], "little")
    return max(0, len(content) - TAIL_BYTES - length)
