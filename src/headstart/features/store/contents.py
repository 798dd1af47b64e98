"""Contents of the cache: listing and deleting them."""

from __future__ import annotations

import math
import shutil
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from headstart.backbones.engines.graphs import graphs_folder
from headstart.core.folders import cache_folder
from headstart.core.records import Record
from headstart.core.unfinished import sweep
from headstart.features.store.chunks import SUFFIX, read_chunk
from headstart.features.store.eviction import evict, removed
from headstart.features.store.same_folder import TOKENS
from headstart.features.store.store import NAME_FILE

Kind = Literal["features", "scan", "engines", "graphs", "steps", "remote", "pictures", "served"]

OTHERS: tuple[tuple[Kind, str, str], ...] = (
    ("scan", "*.npz", "scans of files"),
    ("engines", "**/*.*", "choices of engines"),
    ("graphs", "**/*.*", "compiled networks"),
    ("steps", "**/*.*", "finished steps of runs"),
    ("remote", "**/*", "copies of files in stores"),
    ("pictures", "*.arrow*", "pictures of tables, unpacked"),
    ("served", "*/**/*", "models that are served on a cluster"),
)
"""Folder, files and name of each kind next to features. Weights that a user put there are no cache."""


class CacheEntry(Record):
    """Features of one network, scans of files, or another kind of what is kept.

    Attributes:
        kind: Its folder.
        name: For people.
        num_rows: Pictures; of other kinds than features and scans, files.
        size_bytes: On disk.
        last_used: In UTC, as ISO 8601 writes it.
    """

    kind: Kind
    name: str
    num_rows: int
    size_bytes: int
    last_used: str


def cache_contents() -> tuple[CacheEntry, ...]:
    """What the cache holds: features, those used last first, then the rest; what killed commands left half-written is deleted."""
    sweep(cache_folder(), below=True)
    features = cache_folder() / "features"
    entries = [_features_entry(folder) for folder in features.iterdir()] if features.is_dir() else []
    entries.sort(key=lambda entry: entry.last_used, reverse=True)
    for kind, pattern, name in OTHERS:
        files = [path for path in (cache_folder() / kind).glob(pattern) if path.is_file()]
        count = sum(map(_num_scanned, files)) if kind == "scan" else sum(file.stat().st_size > 0 for file in files)
        entries.append(_entry(kind, name, count, files))
    return tuple(entry for entry in entries if entry.size_bytes)


def _features_entry(folder: Path) -> CacheEntry:
    chunks = list(folder.glob(f"*{SUFFIX}"))
    name = folder / NAME_FILE
    shown = name.read_text(encoding="utf-8") if name.exists() else folder.name
    return _entry("features", shown, sum(map(_num_rows, chunks)), chunks)


def _entry(kind: Kind, name: str, num_rows: int, files: list[Path]) -> CacheEntry:
    found = [status for status in map(_status, files) if status]
    used = max((moment for _, moment in found), default=0.0)
    shown = datetime.fromtimestamp(used, UTC).isoformat(timespec="seconds")
    return CacheEntry(kind=kind, name=name, num_rows=num_rows, size_bytes=sum(size for size, _ in found), last_used=shown)


def _status(path: Path) -> tuple[int, float] | None:
    """Size, shared by all links to the same content, and time of change; None when the file is gone."""
    with suppress(FileNotFoundError):
        status = path.stat()
        return status.st_size // max(1, status.st_nlink), status.st_mtime
    return None


def _num_rows(path: Path) -> int:
    """The rows of a chunk; 0 when it is not whole or gone."""
    with suppress(OSError, ValueError):
        return len(read_chunk(path).keys)
    return 0


def _num_scanned(path: Path) -> int:
    """The number of pictures in a scan, from the header of its table; 0 when it cannot be read."""
    unreadable = suppress(OSError, ValueError, KeyError, zipfile.BadZipFile)
    with unreadable, zipfile.ZipFile(path) as content, content.open("rows.npy") as stream:
        np.lib.format.read_magic(stream)
        return int(np.lib.format.read_array_header_1_0(stream)[0][0])
    return 0


def shrink_cache(limit_bytes: int) -> int:
    """Bytes freed by deleting features and compiled networks down to that many bytes, those used longest ago first.

    Those in use stay. What killed commands have left half-written goes, too.
    """
    return sweep(cache_folder(), below=True) + evict([cache_folder() / "features", graphs_folder()], limit_bytes)


def clear_cache() -> int:
    """Bytes freed by deleting everything in the cache, in use or not; other files in its folders stay."""
    root = cache_folder()
    freed = sweep(root, below=True) + evict([root / "features", graphs_folder()], 0, -math.inf)
    for folder in (root / "features").glob("*/"):
        for path in (folder / NAME_FILE, *folder.glob(TOKENS)):
            removed(path)
        with suppress(OSError):  # it has files of another program
            folder.rmdir()
    files = [path for kind, pattern, _ in OTHERS for path in (root / kind).glob(pattern) if path.is_file()]
    freed += sum(status[0] for path, status in [(path, _status(path)) for path in files] if status and removed(path))
    for kind in ("engines", "graphs", "steps", "remote", "served"):  # an empty folder would be taken for a whole one
        shutil.rmtree(root / kind, ignore_errors=True)
    return freed
