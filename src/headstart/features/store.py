"""Store: features on disk, addressed by the content of the picture, in chunks that are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from headstart.core.records import write_atomically
from headstart.core.types import Floats, Integers

CHUNK_ROWS = 256
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}

Arrays = dict[str, Any]
"""Named arrays whose first axis is the pictures."""


@dataclass(frozen=True)
class _Array:
    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def rows(self, index: Integers) -> Any:
        """Those rows, read through a memory map: a few rows of a large chunk cost a few pages."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)[index]


@dataclass(frozen=True)
class _Chunk:
    keys: tuple[str, ...]
    arrays: dict[str, _Array]


class Store:
    """One folder of chunks: safetensors files that carry their rows' keys.

    Safe when several processes write at once: a chunk is named after its keys, so that equal work gives the same file.
    A chunk that cannot be read is deleted, and its rows count as missing.

    Args:
        folder: Where the chunks lie; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._chunks: dict[str, _Chunk] = {}
        self._places: dict[str, tuple[str, int]] = {}

    def refresh(self) -> None:
        """Take notice of chunks that others wrote or deleted."""
        names = {path.name for path in self.folder.glob("*.safetensors")} if self.folder.is_dir() else set()
        gone = self._chunks.keys() - names
        if gone:
            self._chunks = {name: chunk for name, chunk in self._chunks.items() if name not in gone}
            self._places = {key: place for key, place in self._places.items() if place[0] not in gone}
        for name in sorted(names - self._chunks.keys()):
            self._open(name)

    def _open(self, name: str) -> None:
        path = self.folder / name
        try:
            chunk = _read_header(path)
        except (OSError, ValueError, KeyError, struct.error):
            path.unlink(missing_ok=True)
            return
        self._chunks[name] = chunk
        for row, key in enumerate(chunk.keys):
            self._places[key] = (name, row)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those keys that have no row yet, each once, in order."""
        self.refresh()
        return [key for key in dict.fromkeys(keys) if key not in self._places]

    def add(self, keys: Sequence[str], arrays: Arrays) -> None:
        """Write one chunk.

        Args:
            keys: One a row.
            arrays: float32 or uint8 arrays with one row a key.

        Raises:
            ExportError: The folder cannot be written.
        """
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:24] + ".safetensors"
        content = save({key: np.ascontiguousarray(array) for key, array in arrays.items()}, {"keys": json.dumps(list(keys))})
        write_atomically(self.folder / name, content)
        self._open(name)

    def gather(self, keys: Sequence[str]) -> Arrays:
        """The rows of those keys, in their order; a key may be asked for more than once.

        Args:
            keys: All of them present.

        Returns:
            Named arrays.
        """
        places = [self._places[key] for key in keys]
        by_chunk: dict[str, list[int]] = {}
        for position, (name, _) in enumerate(places):
            by_chunk.setdefault(name, []).append(position)
        out: Arrays = {}
        for name, positions in by_chunk.items():
            rows = np.array([places[position][1] for position in positions], np.int64)
            for key, array in self._chunks[name].arrays.items():
                if key not in out:
                    out[key] = np.empty((len(keys), *array.shape[1:]), array.dtype)
                out[key][positions] = array.rows(rows)
        return out


def _read_header(path: Path) -> _Chunk:
    """The keys and the places of the arrays; a ValueError when the file is not whole."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > size:
            raise ValueError("header is longer than the file")
        header = json.loads(stream.read(length))
    keys = tuple(json.loads(header.pop("__metadata__")["keys"]))
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if 8 + length + end > size or shape[0] != len(keys):
            raise ValueError("the file is cut off")
        arrays[name] = _Array(path, _DTYPES[entry["dtype"]], shape, 8 + length + begin)
    return _Chunk(keys, arrays)


@lru_cache(maxsize=16)
def store_at(folder: Path) -> Store:
    """The store of that folder; its index is kept while the process lives."""
    return Store(folder)


def as_floats(pixels: Any) -> Floats:
    """uint8 values as float32 in [0, 1]."""
    return np.asarray(pixels, np.float32) / np.float32(255)
