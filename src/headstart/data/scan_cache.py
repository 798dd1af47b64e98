"""What was seen of files, remembered between runs."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.core.errors import ExportError
from headstart.core.folders import cache_folder
from headstart.core.records import write_atomically
from headstart.core.types import Bytes

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
class Look:
    """What was seen of one picture; the fields are those of `Scan`."""

    sha: str = ""
    problem: str = ""
    dhash: int = 0
    thumbnail: Bytes | None = None
    shorter_side: int = 0
    gray: bool = False


class ScanCache:
    """Looks at files by their position in `paths`, kept in one file for their common folder.

    A look counts as long as the file's size and time of change stay. Problems are not kept: they may be mended without a
    trace in either. A cache that cannot be read or written costs time and nothing else.

    Args:
        paths: The files of the set.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._looks: dict[int, Look] = {}
        self._kept: dict[bytes, np.void] = {}
        absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100  a link and its target are two rows
        self._keys = [hashlib.sha256(os.fsencode(path)).hexdigest()[:32].encode() for path in absolute]
        self._stamps = [_stamp(path) for path in absolute]
        common = os.path.commonpath([os.path.dirname(path) for path in absolute]) if absolute else ""  # noqa: PTH120
        self._file = cache_folder() / "scan" / f"{hashlib.sha256(os.fsencode(common)).hexdigest()[:32]}.npz"
        self._load()

    def _load(self) -> None:
        try:
            with np.load(self._file, allow_pickle=False) as content:
                if int(content["format"]) != FORMAT:
                    return
                rows = content["rows"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return
        if rows.dtype == ROW:
            self._kept = {bytes(row["path"]): row for row in rows}
        for position, (key, stamp) in enumerate(zip(self._keys, self._stamps, strict=True)):
            row = self._kept.get(key)
            if row is not None and stamp == (int(row["size"]), int(row["mtime"])):
                self._looks[position] = Look(
                    sha=row["sha"].decode(),
                    dhash=int(row["dhash"]),
                    thumbnail=row["thumbnail"],
                    shorter_side=int(row["shorter_side"]),
                    gray=bool(row["gray"]),
                )

    def get(self, position: int) -> Look | None:
        """The look at that file, or None when there is none that still counts."""
        return self._looks.get(position)

    def __getitem__(self, position: int) -> Look:
        return self._looks[position]

    def add(self, looks: Mapping[int, Look]) -> None:
        """Take in new looks by position, and write the cache when any is worth keeping."""
        self._looks.update(looks)
        fresh = [position for position, look in looks.items() if not look.problem and self._stamps[position] is not None]
        if not fresh:
            return
        for position, row in zip(fresh, self._rows(fresh), strict=True):
            self._kept[self._keys[position]] = row
        stream = io.BytesIO()
        np.savez(stream, format=np.int64(FORMAT), rows=np.array(list(self._kept.values()), dtype=ROW))
        with suppress(ExportError):
            write_atomically(self._file, stream.getvalue())

    def _rows(self, positions: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        rows = np.zeros(len(positions), dtype=ROW)
        for row, position in zip(rows, positions, strict=True):
            look, stamp = self._looks[position], self._stamps[position]
            row["path"], (row["size"], row["mtime"]) = self._keys[position], stamp or (0, 0)
            row["sha"], row["dhash"], row["shorter_side"], row["gray"] = (
                look.sha.encode(),
                look.dhash,
                look.shorter_side,
                look.gray,
            )
            if look.thumbnail is not None:
                row["thumbnail"] = look.thumbnail
        return rows


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
