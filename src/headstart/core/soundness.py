"""Soundness: what is wrong with a file, by its checksum or, where it has none, by reading it as its kind is read."""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from headstart.core.arrays import check_safetensors, read_metadata
from headstart.core.dropping import drop
from headstart.core.errors import DamagedError, HeadstartError
from headstart.core.parsing import json_in, written_toml_in
from headstart.core.sealed_tables import read_sealed

_KNOWN: dict[tuple[str, int, int], str] = {}
"""What was found in this process, by path, size and time of change."""


def known_fault_of(path: Path) -> str:
    """As `fault_of`, looked at once in a process unless the file changes."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ""
    key = os.fspath(path.absolute()), status.st_size, status.st_mtime_ns
    if key not in _KNOWN:
        _KNOWN[key] = fault_of(path)
    return _KNOWN[key]


def drops_damaged_step(path: Path) -> bool:
    """Whether a file in the folder of a step, whose result is in the file at `path`, was damaged: all of it is dropped then.

    Only what was read can be damaged: `OSError` where a file cannot be read.
    """
    damaged = {file: fault for file in sorted(path.with_suffix("").rglob("[!.]*")) if (fault := known_fault_of(file))}
    if damaged:
        with suppress(OSError):  # where it cannot be deleted, its step counts as missing all the same
            path.unlink()
    for file, fault in damaged.items():
        drop(file, fault)
    return bool(damaged)


def forget_known() -> None:
    """Look at every file again."""
    _KNOWN.clear()


def fault_of(path: Path) -> str:
    """What is wrong with a file of a kind that headstart writes, as part of a sentence; empty where nothing is seen.

    Files of other kinds, and those that are gone meanwhile, have no fault that can be seen. `OSError` where the file cannot be
    read, or memory is short, which says nothing about it.
    """
    check = CHECKS.get(path.suffix)
    if check is None or not path.is_file():
        return ""
    try:
        check(path)
    except FileNotFoundError:
        return ""
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), os.fspath(path)) from None
    except DamagedError as error:
        return error.reason or str(error)
    except HeadstartError as error:
        return str(error)
    except (ValueError, KeyError, EOFError) as error:
        return str(error) or type(error).__name__
    return ""


def _check_arrays(path: Path) -> None:
    if not check_safetensors(path):
        read_metadata(path)


def _check_table(path: Path) -> None:
    """Of whatever columns: by its checksum, and all that Parquet itself tells."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    content = read_sealed(path)
    try:
        pq.ParquetFile(pa.BufferReader(content)).read()
    except MemoryError:
        raise
    except (OSError, pa.ArrowException) as error:  # OSError, too, is said of the bytes, which are in memory
        raise ValueError(str(error) or type(error).__name__) from None


def _check_archive(path: Path) -> None:
    """Of NumPy arrays, each of which has a CRC-32; the bytes are read first, so that what fails after that is their fault."""
    content = io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            if name := archive.testzip():
                raise ValueError(f"the CRC-32 of {name} is not that of its content")
        content.seek(0)
        with np.load(content, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    except (OSError, NotImplementedError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise ValueError(str(error) or type(error).__name__) from None


CHECKS: dict[str, Callable[[Path], object]] = {
    ".safetensors": _check_arrays,
    ".parquet": _check_table,
    ".npz": _check_archive,
    ".json": json_in,
    ".toml": written_toml_in,
}
"""How a file is looked at, by the end of its name."""
