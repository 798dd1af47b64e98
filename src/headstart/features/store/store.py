"""Store: features on disk, addressed by the content of the picture, in chunks that are written atomically."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.engines.graphs import graphs_folder
from headstart.core.conditions import note_conditions
from headstart.core.errors import DataError
from headstart.core.folders import cache_folder, cache_limit_bytes
from headstart.core.mirror import Mirror, mirror
from headstart.core.records import write_atomically
from headstart.core.rows import IN_MEMORY_BYTES, Index, LazyRows, Rows, UnseenRowsError
from headstart.core.types import Integers
from headstart.core.unfinished import sweep
from headstart.features.store.checked import CheckedChunks
from headstart.features.store.chunks import SUFFIX, Arrays, Chunk, MadeChunk, chunk_content, chunk_of, read_chunk
from headstart.features.store.eviction import TOUCH_SECONDS, evict, mark_used, removed
from headstart.features.store.mirrored import MirroredChunks

CHUNK_ROWS = 256
"""Rows that extraction writes at once. Opening 100,000 rows in 400 such chunks takes 0.1 s, and in 25 large ones no less."""
MOST_SMALL = 64
"""So many chunks of fewer than `CHUNK_ROWS` rows, as predictions of single pictures write them, are merged. Chosen, not
measured."""
MERGED_ROWS = 4096
"""Small chunks of so many rows together are merged earlier. Chosen, not measured."""
NAME_FILE = "name.txt"
ATTEMPTS = 3
"""How often a reader whose chunk is gone searches for its rows again; once suffices unless others merge all the time."""


class Store:
    """One folder of chunks, shared by all processes that use the same network; `name` is the network's in `headstart cache`.

    Safe without locks: a chunk appears whole, under a name made of its keys; merging writes the large chunk before it deletes
    the small ones; eviction spares files that any process used within the hour; and a reader whose chunk is gone searches for its
    rows again. A chunk that cannot be read is deleted, and its rows count as missing.
    """

    def __init__(self, folder: Path, name: str = "", there: Mirror | None = None) -> None:
        self.folder = folder
        self.name = name
        self.mirrored = None if there is None else MirroredChunks(there, folder)
        self.version = 0
        self._chunks: dict[str, Chunk] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._touched: dict[str, float] = {}
        self.checked = CheckedChunks(folder)
        self._wanted: Sequence[str] = ()
        self._written = math.inf
        self._wanted_touched = -math.inf

    def refresh(self) -> None:
        """Index chunks that others wrote, and forget those that others deleted.

        Repeated until the listing is stable: small chunks may be merged after they were listed, into one that was not.
        """
        names = self._listed()
        while True:
            self._update(names)
            before, names = names, self._listed()
            if names == before:
                return

    def _listed(self) -> set[str]:
        found = {path.name for path in self.folder.glob(f"*{SUFFIX}")} if self.folder.is_dir() else set()
        return found - self.checked.dropped  # those that could not be deleted

    def _update(self, names: set[str]) -> None:
        gone = self._chunks.keys() - names - self._mirrored_names
        if gone:
            remaining = [chunk for name, chunk in self._chunks.items() if name not in gone]
            self._clear()
            for chunk in remaining:  # a row may lie in a second chunk, too
                self._index(chunk)
        for name in sorted(names - self._chunks.keys()):
            self._open(name)

    @property
    def _mirrored_names(self) -> set[str]:
        return self.mirrored.names if self.mirrored else set()

    def _open(self, name: str) -> None:
        try:
            chunk = read_chunk(self.folder / name)
        except OSError:
            return
        except ValueError as error:
            self.checked.drop(name, str(error))
            return
        if chunk.widths == next(iter(self._chunks.values()), chunk).widths:
            self._index(chunk)
        else:
            self.checked.drop(name, "its arrays are not those of other chunks")

    def _index(self, chunk: Chunk) -> None:
        name = chunk.path.name
        self.version += 1
        self._chunks[name] = chunk
        self._places |= {key: (name, row) for row, key in enumerate(chunk.keys)}

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those keys that have no row yet, each once, in order; chunks of the others are checked and marked as in use."""
        sweep(self.folder)
        self.refresh()
        if self.mirrored and not self._places.keys() >= set(keys):
            for chunk in self.mirrored.unknown(self._chunks):
                self._index(chunk)
        while self.drops_damaged(self._places[key][0] for key in keys if key in self._places):
            pass  # a row may lie in a second chunk, too
        self._wanted = keys
        self._touch_wanted()
        return [key for key in dict.fromkeys(keys) if key not in self._places]

    def drops_damaged(self, names: Iterable[str]) -> bool:
        """Whether any of those chunks was damaged, and is dropped."""
        damaged = self.checked.drops_any(names)
        if damaged:
            self.reindex()
        return damaged

    def _touch_wanted(self) -> None:
        self._wanted_touched = time.monotonic()
        for name in {self._places[key][0] for key in self._wanted if key in self._places}:
            note_conditions(self._chunks[name].conditions)
            self.touch(name)

    def touch(self, name: str) -> None:
        """Mark the chunk as in use, for all processes."""
        now = time.monotonic()
        if now - self._touched.get(name, -math.inf) > TOUCH_SECONDS:
            self._touched[name] = now
            mark_used(self.folder / name)

    def add(self, keys: Sequence[str], arrays: Arrays) -> None:
        """Write one chunk of float32 or uint8 arrays with one row a key, merge small ones, and shrink the cache to its limit.

        An `ExportError` where the folder cannot be written, a `PlanError` where the cache's limit is no size.
        """
        limit = cache_limit_bytes()
        self.write_name()
        name, content = chunk_content(keys, arrays)
        self._write(name, content)
        if self.mirrored:
            self.mirrored.put(name, content)
        self._merge()
        self._shrink(limit)

    def adopt(self, chunk: MadeChunk) -> None:
        """Take in a chunk that another process made, as if added here; a `DataError` where it lies in no mirror of this one."""
        limit = cache_limit_bytes()
        if chunk.place == "mirrored" and not self.mirrored:
            raise DataError(
                "A node of the cluster wrote features into its HEADSTART_STORE alone, and here none is set. "
                "Set the same one here."
            )
        if chunk.place == "sent":
            self._write(chunk.name, chunk.content)
        elif chunk.place == "written":
            self._written += chunk.num_bytes
            self.checked.written(chunk.name, here=False)
            self._open(chunk.name)
        if self.mirrored:
            self.mirrored.names.add(chunk.name)
        if chunk.place == "mirrored":
            self._index(chunk_of(self.folder / chunk.name, chunk.content, chunk.num_bytes))
        self._merge()
        self._shrink(limit)

    def bring(self, names: Iterable[str]) -> None:
        """Copy those chunks that lie in the mirror and not here."""
        if fetched := self.mirrored.fetch(names) if self.mirrored else 0:
            self._written += fetched
            self._shrink(cache_limit_bytes())

    def write_name(self) -> None:
        """Write the network's name into the folder, once."""
        if self.name and not (self.folder / NAME_FILE).exists():
            write_atomically(self.folder / NAME_FILE, self.name)

    def _shrink(self, limit: int) -> None:
        if self._written > limit / 64 or time.monotonic() - self._wanted_touched > TOUCH_SECONDS:
            self._touch_wanted()
            evict([self.folder.parent, graphs_folder()], limit)
            self._written = 0

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self.folder / name, content, durable=False)
        self.checked.written(name, here=True)
        self._written += len(content)
        self._touched[name] = time.monotonic()
        self._open(name)

    def _merge(self) -> None:
        small: list[str] = []
        num_rows = 0
        for name, chunk in self._chunks.items():
            if len(chunk.keys) < CHUNK_ROWS and num_rows < MERGED_ROWS and name not in self._mirrored_names:
                small.append(name)
                num_rows += len(chunk.keys)
        if len(small) < 2 or (len(small) < MOST_SMALL and num_rows < MERGED_ROWS):
            return
        made = {one for name in small for one in self._chunks[name].conditions}
        # Sorted: two processes that merge the same rows write the same file, so that neither deletes the other's.
        keys = sorted({key for name in small for key in self._chunks[name].keys})
        try:
            rows = {name: np.asarray(array) for name, array in self.gather(keys).items()}
        except DataError:
            return  # another process evicted some of them; the rest is merged another time
        whole, content = chunk_content(keys, rows, made)
        self._write(whole, content)
        for name in set(small) - {whole}:
            removed(self.folder / name)
        self.refresh()

    def gather(self, keys: Sequence[str]) -> dict[str, Rows]:
        """The rows of those keys, in their order, by array's name; a key may occur more than once.

        They are arrays when they take less than 256 MB together, else rows that are read by slice or index. A row that is gone is
        a `DataError`, raised here or when lazy rows are read.
        """
        if not len(keys):
            return {}
        found = _Found(self, tuple(keys))
        lazy: dict[str, Rows] = {
            name: LazyRows((len(keys), *array.shape[1:]), _StoredRows(found, name), array.dtype)
            for name, array in found.arrays().items()
        }
        if sum(4 * math.prod(rows.shape) for rows in lazy.values()) > IN_MEMORY_BYTES:
            return lazy
        return {name: np.asarray(rows) for name, rows in lazy.items()}

    def places(self, keys: Sequence[str]) -> tuple[tuple[Chunk, ...], Integers]:
        """The chunks of those keys, and for each key the number of its chunk among them and its row, int64 [key, 2]."""
        for _ in range(ATTEMPTS):
            numbers: dict[str, int] = {}
            try:
                places = [(numbers.setdefault(name, len(numbers)), row) for name, row in map(self._places.__getitem__, keys)]
            except KeyError:
                self.reindex()
            else:
                return tuple(self._chunks[name] for name in numbers), np.array(places, np.int64)
        raise self.gone()

    def gone(self) -> DataError:
        """The error for rows that were there and cannot be read any more."""
        return DataError(
            f"Features in {self.folder} were deleted while they were used. Run the command again; it makes them anew."
        )

    def reindex(self) -> None:
        """Build the index anew: a chunk of it is gone."""
        mirrored = [chunk for name, chunk in self._chunks.items() if name in self._mirrored_names]
        self._clear()
        for chunk in mirrored:
            self._index(chunk)
        self.refresh()

    def _clear(self) -> None:
        self._chunks, self._places = {}, {}
        self.version += 1


class _Found:
    """The rows of some keys, located again if a chunk is gone by the time they are read.

    Args:
        store: Where they lie.
        keys: Of the rows.
        located: Their chunks, and their places as `Store.places` gives them, where these are known.
    """

    def __init__(self, store: Store, keys: tuple[str, ...], located: tuple[tuple[Chunk, ...], Integers] | None = None) -> None:
        self.store = store
        self.keys = keys
        self._cut: tuple[Index, _SentRows] | None = None
        self.chunks, self.places = located or store.places(keys)
        self.version = store.version

    def _locate(self) -> None:
        self.chunks, self.places = self.store.places(self.keys)
        self.version = self.store.version

    def only(self, rows: Index) -> _SentRows:
        """Those rows, for another process; the same object for the same index, as each of several arrays asks for."""
        if self._cut is None or self._cut[0] is not rows:
            at = np.arange(len(self.keys))[rows]
            numbers, places = np.unique(self.places[at, 0], return_inverse=True)
            names = tuple(self.chunks[number].path.name for number in numbers)
            located = np.stack([places, self.places[at, 1]], axis=1).astype(np.int64)
            keys = tuple(self.keys[row] for row in at)
            self._cut = rows, _SentRows(self.store.folder.absolute(), self.store.name, keys, names, located)
        return self._cut[1]

    def arrays(self) -> Any:
        return self.chunks[0].arrays

    def read(self, name: str, rows: Index) -> Any:
        """The array's rows; where a chunk was merged into another meanwhile, they are located again."""
        for _ in range(ATTEMPTS):
            if self.version != self.store.version:
                self._locate()
            try:
                return self._read(name, rows)
            except (FileNotFoundError, ValueError):
                self.store.reindex()
        raise self.store.gone()

    def _read(self, name: str, rows: Index) -> Any:
        places = self.places[rows]
        first = self.arrays()[name]
        out = np.empty((len(places), *first.shape[1:]), first.dtype)
        numbers = np.unique(places[:, 0])
        names = [self.chunks[number].path.name for number in numbers]
        self.store.bring(names)
        if self.store.drops_damaged(names):
            raise FileNotFoundError
        for number in numbers:
            chunk, mine = self.chunks[number], np.flatnonzero(places[:, 0] == number)
            self.store.touch(chunk.path.name)
            out[mine] = chunk.arrays[name].rows(places[mine, 1])
        return out


@dataclass
class _SentRows:
    """The rows of some keys in another process, which finds their chunks in the same folder, or fetches them from the mirror.

    Attributes:
        folder: The folder of the store.
        name: Of the store.
        keys: Of the rows.
        names: Of the chunks.
        places: The number of each row's chunk among them, and its row there, int64 [key, 2].
        found: The rows, once they were looked for here.
    """

    folder: Path
    name: str
    keys: tuple[str, ...]
    names: tuple[str, ...]
    places: Integers
    found: _Found | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"found": None}  # of the next process: one may only pass them on

    def read(self, name: str, rows: Index) -> Any:
        """The array's rows; an `UnseenRowsError` where this process does not see them."""
        try:
            self.found = self.found or self._looked_for()
            return self.found.read(name, rows)
        except DataError as error:
            raise UnseenRowsError(str(error)) from None

    def _looked_for(self) -> _Found:
        folder = self.folder if self.folder.is_dir() else cache_folder() / "features" / self.folder.name
        store = store_at(folder, self.name, mirror())
        if store.mirrored:
            store.mirrored.names.update(self.names)
            store.bring(self.names)
        try:
            return _Found(store, self.keys, (tuple(read_chunk(folder / name) for name in self.names), self.places))
        except (OSError, ValueError):
            return _Found(store, self.keys)

    def only(self, rows: Index) -> _SentRows:
        """Those of the rows."""
        keys = tuple(self.keys[row] for row in np.arange(len(self.keys))[rows])
        return _SentRows(self.folder, self.name, keys, self.names, self.places[rows])


@dataclass(frozen=True)
class _StoredRows:
    """Reads the rows of one array."""

    found: _Found | _SentRows
    name: str

    def __call__(self, rows: Index) -> Any:
        return self.found.read(self.name, rows)

    def only(self, rows: Index) -> _StoredRows:
        """See `core.rows.CutReader`."""
        return _StoredRows(self.found.only(rows), self.name)


@lru_cache(maxsize=16)
def store_at(folder: Path, name: str = "", there: Mirror | None = None) -> Store:
    """The store of that folder, mirrored to a place if one is given, with its index cached in the process."""
    return Store(folder, name, there)
