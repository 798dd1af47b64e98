"""The scan cache: what was measured of picture files, kept between runs."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from headstart.core.dropping import drop
from headstart.core.errors import ExportError
from headstart.core.folders import cache_folder
from headstart.core.records import write_atomically
from headstart.core.soundness import fault_of
from headstart.core.types import Bytes
from headstart.core.unfinished import sweep
from headstart.data.images import Stamp

FORMAT = 1
"""Raised when the meaning of a cached value changes, so that older files are left unread."""

ROW = np.dtype(
    [
        ("path", "S32"),
        ("size", "<i8"),
        ("mtime", "<i8"),
        ("sha", "S64"),
        ("dhash", "<u8"),
        ("shorter_side", "<i8"),
        ("gray", "?"),
        ("thumbnail", "u1", (16, 16)),
    ]
)


@dataclass(frozen=True)
class Measured:
    """What was measured of one picture; the fields are those of `Scan`."""

    sha: str = ""
    problem: str = ""
    dhash: int = 0
    thumbnail: Bytes | None = None
    shorter_side: int = 0
    gray: bool = False


class ScanCache:
    """What was measured of pictures in files, by their position in `stamps`, kept in one file for their common folder.

    An entry counts as long as the picture's size and time of change stay. Problems are not kept: they may be mended without a
    trace in either. A cache that cannot be read or written costs time and nothing else; one that cannot be read is not replaced.

    Args:
        stamps: Of the pictures of the set.
    """

    def __init__(self, stamps: Sequence[Stamp]) -> None:
        self._known: dict[int, Measured] = {}
        self._rows_by_key: dict[bytes, np.void] = {}
        self._keys = [hashlib.sha256(os.fsencode(stamp.place)).hexdigest()[:32].encode() for stamp in stamps]
        self._stamps = stamps
        common = os.path.commonpath([os.path.dirname(stamp.place) for stamp in stamps]) if stamps else ""  # noqa: PTH120
        self._file = cache_folder() / "scan" / f"{hashlib.sha256(os.fsencode(common)).hexdigest()[:32]}.npz"
        self._is_readable = True
        self._load()

    def _load(self) -> None:
        sweep(self._file.parent)
        try:
            if fault := fault_of(self._file):
                drop(self._file, fault)
            with np.load(self._file, allow_pickle=False) as content:
                if int(content["format"]) != FORMAT:
                    return
                rows = content["rows"]
        except (FileNotFoundError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
            return
        except OSError:
            self._is_readable = False
            return
        if rows.dtype == ROW and rows.ndim == 1:
            self._rows_by_key = {bytes(row["path"]): row for row in rows}
        for position, (key, stamp) in enumerate(zip(self._keys, self._stamps, strict=True)):
            row = self._rows_by_key.get(key)
            if row is not None and stamp[1:] == (int(row["size"]), int(row["mtime"])):
                self._known[position] = Measured(
                    sha=row["sha"].decode(),
                    dhash=int(row["dhash"]),
                    thumbnail=row["thumbnail"],
                    shorter_side=int(row["shorter_side"]),
                    gray=bool(row["gray"]),
                )

    def get(self, position: int) -> Measured | None:
        """What was measured of that picture; None where it changed since, or is new."""
        return self._known.get(position)

    def __getitem__(self, position: int) -> Measured:
        return self._known[position]

    def add(self, measured: Mapping[int, Measured]) -> None:
        """Take in entries by position, and write the cache when any is worth keeping."""
        self._known.update(measured)
        fresh = [position for position, one in measured.items() if not one.problem and self._stamps[position].size_bytes >= 0]
        if not fresh or not self._is_readable:
            return
        for position, row in zip(fresh, self._rows(fresh), strict=True):
            self._rows_by_key[self._keys[position]] = row
        stream = io.BytesIO()
        np.savez(stream, format=np.int64(FORMAT), rows=np.array(list(self._rows_by_key.values()), dtype=ROW))
        with suppress(ExportError):
            write_atomically(self._file, stream.getvalue(), durable=False)

    def _rows(self, positions: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        rows = np.zeros(len(positions), dtype=ROW)
        for row, position in zip(rows, positions, strict=True):
            one = self._known[position]
            row["path"], (_, row["size"], row["mtime"]) = self._keys[position], self._stamps[position]
            row["sha"], row["dhash"] = one.sha.encode(), one.dhash
            row["shorter_side"], row["gray"] = one.shorter_side, one.gray
            if one.thumbnail is not None:
                row["thumbnail"] = one.thumbnail
        return rows
