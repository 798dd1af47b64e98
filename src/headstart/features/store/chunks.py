"""Chunks: safetensors files with the keys of their rows, in half precision where that loses little."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from safetensors.numpy import save

from headstart.core.arrays import with_checksum
from headstart.core.conditions import conditions_now
from headstart.core.parsing import json_from
from headstart.core.types import Integers

SUFFIX = ".safetensors"
LARGEST_ERROR = 2.0**-10
"""Half precision is used where it changes an array by no more than this share of its norm; rounding alone stays below half of
it."""

LENGTH_BYTES = 8
"""A file begins with the length of its header."""
HEAD_BYTES = 2**16
"""What is read first of a chunk in an object store: the header of 256 rows takes 20 kB."""

_DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "U8": np.dtype("u1")}

Arrays = dict[str, Any]
"""Named arrays; the first axis is the pictures."""


@dataclass(frozen=True)
class StoredArray:
    """An array [sample, ...] in the chunk at `path`: its dtype on disk, its shape, and the bytes before it."""

    path: Path
    stored: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows that are read: half precision is read as float32."""
        return np.dtype(np.float32) if self.stored.kind == "f" else self.stored

    def rows(self, index: Integers) -> Any:
        """Those rows, copied out of a memory map that is closed at once, so that no pages stay with the process."""
        return np.memmap(self.path, self.stored, "r", self.offset, self.shape)[index].astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Chunk:
    """A file of rows: one key a row, and arrays by name."""

    path: Path
    keys: tuple[str, ...] = field(repr=False)
    arrays: dict[str, StoredArray] = field(repr=False)
    conditions: tuple[str, ...] = ()
    """Under which its rows were made, as texts; none in chunks of earlier versions."""

    @property
    def widths(self) -> dict[str, tuple[int, ...]]:
        """The sizes of a row of each array."""
        return {name: array.shape[1:] for name, array in self.arrays.items()}


class MadeChunk(NamedTuple):
    """A chunk that another process made.

    Attributes:
        name: Of its file.
        num_rows: Of the chunk.
        num_bytes: Of the file.
        place: Where it is: "written" into the store's folder, "mirrored" only, or "sent" along.
        content: The file where it is sent, and its header where it is mirrored only.
    """

    name: str
    num_rows: int
    num_bytes: int
    place: Literal["written", "mirrored", "sent"]
    content: bytes


def chunk_content(keys: Sequence[str], arrays: Arrays, conditions: Iterable[str] | None = None) -> tuple[str, bytes]:
    """The file name and the bytes of a chunk of float32 or uint8 arrays with one row a key.

    The name is made of keys and layout, so that equal work gives the same file. The conditions are those that rows were made
    under; None for those of this process.
    """
    compact = {name: np.ascontiguousarray(halved(np.asarray(array))) for name, array in arrays.items()}
    layout = [f"{name} {array.dtype} {array.shape}" for name, array in compact.items()]
    name = hashlib.sha256("\n".join([*keys, *layout]).encode()).hexdigest()[:24] + SUFFIX
    made = [json.dumps(conditions_now().to_dict())] if conditions is None else sorted(conditions)
    about = {"keys": json.dumps(list(keys)), "conditions": json.dumps(made)}
    return name, b"".join(with_checksum(save(compact, about)))


def halved(array: Any) -> Any:
    """The array in half precision, or as it is where that would overflow or lose small values."""
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        return array
    error = np.linalg.norm((half.astype(np.float32) - array).ravel())
    return half if error <= LARGEST_ERROR * np.linalg.norm(array.ravel()) else array


def read_chunk(path: Path) -> Chunk:
    """The keys of a chunk and its arrays, not yet read; a `ValueError` where the file is not whole, or no chunk."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        begin = stream.read(LENGTH_BYTES)
        length = header_bytes(begin)
        if length > size:
            raise ValueError("the header is longer than the file")
        return chunk_of(path, begin + stream.read(length - LENGTH_BYTES), size)


def header_bytes(begin: bytes) -> int:
    """The number of bytes before the arrays, by the first ones of the file; a `ValueError` where it is no chunk."""
    if len(begin) < LENGTH_BYTES:
        raise ValueError("the file is no chunk, or cut off")
    (length,) = struct.unpack("<Q", begin[:LENGTH_BYTES])
    return int(length) + LENGTH_BYTES


def chunk_of(path: Path, head: bytes, size: int) -> Chunk:
    """The chunk of so many bytes at a path, where it may not lie yet, by its first bytes; see `read_chunk`."""
    begin = header_bytes(head)
    try:
        header = json_from(head[LENGTH_BYTES:begin], str(path))
        about = header.pop("__metadata__")
        keys = tuple(map(str, json_from(about["keys"], str(path))))
        conditions = tuple(map(str, json_from(about.get("conditions", "[]"), str(path))))
        arrays = {name: _placed(path, entry, begin, len(keys), size) for name, entry in header.items()}
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is no chunk ({error})") from None
    return Chunk(path, keys, arrays, conditions)


def _placed(path: Path, entry: dict[str, Any], begin: int, num_rows: int, size: int) -> StoredArray:
    start, stop = entry["data_offsets"]
    shape, dtype = tuple(map(int, entry["shape"])), _DTYPES[entry["dtype"]]
    if start < 0 or begin + stop > size or shape[0] != num_rows or math.prod(shape) * dtype.itemsize != stop - start:
        raise ValueError("the file is cut off")
    return StoredArray(path, dtype, shape, begin + start)
