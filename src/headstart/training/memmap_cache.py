"""Memory-mapped arrays: filled once, chunk by chunk, in a file from which a killed fit goes on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_128

from headstart.core.errors import DamagedError, ExportError
from headstart.core.parsing import json_in, json_text
from headstart.core.records import write_atomically
from headstart.core.rows import row_slices
from headstart.core.stopping import stop_if_asked

Make = Callable[[int, int], Any]
"""(first row, row behind the last) to those rows."""


def cached_rows(
    shape: tuple[int, ...],
    dtype: Any,
    make: Make,
    place: Path | None,
    chunk_rows: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Any:
    """A memory-mapped array whose rows were made once.

    Args:
        shape: Rows first.
        dtype: Of the array.
        make: Makes rows; called for each chunk that is not there yet, in turn.
        place: The file, which outlives a kill; how far it is stands beside it. None for a temporary one.
        chunk_rows: Rows made at a time.
        advance: Is told how many more rows are there.

    Returns:
        The array.

    Raises:
        ExportError: The file cannot be written.
    """
    marker = place.with_suffix(f"{place.suffix}.json") if place else None
    array = _mapped(shape, np.dtype(dtype), place, marker)
    done, digest = _resumed(array, marker)
    advance(done)
    for start in range(done, len(array), chunk_rows):
        stop_if_asked()
        stop = min(start + chunk_rows, len(array))
        array[start:stop] = make(start, stop)
        if marker:
            array.flush()
            digest.update(array[start:stop].tobytes())
            write_atomically(marker, json_text({"rows": stop, "content": digest.hexdigest()}), durable=False)
        advance(stop - start)
    return array


def _resumed(array: Any, marker: Path | None) -> tuple[int, xxh3_128]:
    """How many rows are there as they were written, and the digest of their bytes; none where file or marker is damaged."""
    try:
        known = json_in(marker) if marker and marker.exists() else {"rows": 0}
        rows, digest = int(known["rows"]), xxh3_128()
    except (DamagedError, KeyError, TypeError, ValueError):
        return 0, xxh3_128()
    for part in row_slices(rows):
        digest.update(array[part].tobytes())
    return (rows, digest) if known.get("content", digest.hexdigest()) == digest.hexdigest() else (0, xxh3_128())


def _mapped(shape: tuple[int, ...], dtype: np.dtype[Any], place: Path | None, marker: Path | None) -> Any:
    num_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    try:
        if place is None or marker is None:
            with tempfile.TemporaryFile() as stream:
                _reserve(stream.fileno(), num_bytes)
                return np.memmap(stream, dtype, "r+", shape=shape)
        if not place.exists() or place.stat().st_size != num_bytes:
            marker.unlink(missing_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as stream:
                _reserve(stream.fileno(), num_bytes)
        return np.memmap(place, dtype, "r+", shape=shape)
    except OSError as error:
        raise ExportError(
            f"{place or tempfile.gettempdir()}: {num_bytes:,} bytes cannot be written ({error.strerror or error}). "
            "Free space or choose another folder with --out."
        ) from error


def _reserve(file: int, num_bytes: int) -> None:
    """Take the space now: where the disk fills up later, writing to a memory map ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, num_bytes)
    else:
        os.truncate(file, num_bytes)
