"""Arrays: safetensors files with a checksum of all their bytes in their metadata, which any other program reads as before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save
from xxhash import xxh3_128

from headstart.core.checksums import DIGITS, KEY, UNKNOWN, Buffer, checksum_of
from headstart.core.errors import OTHER_CONTENT, DamagedError
from headstart.core.records import atomic_file
from headstart.core.types import Floats

LENGTH_BYTES = 8
"""A file begins with the length of its header."""
BEFORE = b'{"__metadata__":{"' + KEY.encode() + b'":"'
"""How the header of a file with a checksum begins; those of earlier versions have none."""
BEGIN, END = LENGTH_BYTES + len(BEFORE), LENGTH_BYTES + len(BEFORE) + DIGITS
"""Where the checksum stands. It counts as zeros while it is computed."""
READ_BYTES = 2**20
"""Read at once: what fits the cache of a processor is read and hashed fastest."""


def with_checksum(content: bytes) -> tuple[bytes, memoryview]:
    """The bytes of a safetensors file in two pieces, of which the first has the checksum of both.

    The names in its metadata are in order: the library gives them another one each time, and equal work must give equal bytes.
    """
    begin = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    header = json.loads(content[LENGTH_BYTES:begin])
    others = {name: value for name, value in sorted(header.pop("__metadata__", {}).items()) if name != KEY}
    text = json.dumps({"__metadata__": {KEY: UNKNOWN, **others}, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    head, data = len(text).to_bytes(LENGTH_BYTES, "little") + text, memoryview(content)[begin:]
    return head[:BEGIN] + checksum_of(head, data).encode() + head[END:], data


def write_safetensors(path: Path, content: bytes) -> None:
    """Write a safetensors file with its checksum, atomically; an `ExportError` where the place cannot be written."""
    with atomic_file(path) as stream:
        for piece in with_checksum(content):
            stream.write(piece)


def write_arrays(path: Path, arrays: Mapping[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write named NumPy arrays and what is said of them; see `write_safetensors`."""
    write_safetensors(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata))


def read_arrays(path: Path) -> dict[str, Floats]:
    """The named arrays in a file; `OSError` where it cannot be read, and a `DamagedError` that names it where it is damaged."""
    check_safetensors(path)
    try:
        arrays: dict[str, Floats] = load_file(path)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:  # of types that NumPy does not have, too
        raise DamagedError.of(path, error) from None
    return arrays


def read_metadata(path: Path) -> dict[str, str]:
    """What is said of the arrays in a file, which are not read; raises as `read_arrays`, as far as the header shows damage."""
    try:
        with safe_open(path, framework="np") as stored:
            return {name: value for name, value in (stored.metadata() or {}).items() if name != KEY}
    except SafetensorError as error:
        raise DamagedError.of(path, error) from None


def check_safetensors(path: Path) -> bool:
    """Whether a file has a checksum, which is checked; a `DamagedError` where it is not that of the file, which it names."""
    buffer = bytearray(READ_BYTES)
    view, digest = memoryview(buffer), xxh3_128()
    with path.open("rb", buffering=0) as stream:
        num = stream.readinto(buffer)
        known = known_checksum(buffer[: min(num or 0, END)])
        if known is None:
            return False
        buffer[BEGIN:END] = UNKNOWN.encode()
        while num:
            digest.update(view[:num])
            num = stream.readinto(buffer)
    if digest.hexdigest() != known:
        raise DamagedError.of(path, OTHER_CONTENT)
    return True


def checksum_in(path: Path) -> str:
    """The checksum that a file holds, which `check_safetensors` compares with its content; empty where it holds none."""
    with path.open("rb") as stream:
        return known_checksum(stream.read(END)) or ""


def known_checksum(head: Buffer) -> str | None:
    """The checksum that the first bytes of a file hold; None where they hold none."""
    begins = len(head) >= END and bytes(head[LENGTH_BYTES:BEGIN]) == BEFORE
    return bytes(head[BEGIN:END]).decode("latin-1") if begins else None
