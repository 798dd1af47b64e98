"""Rows: matrices that are read by slice or by index, so that they may be larger than memory."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

CHUNK_ROWS = 1024
IN_MEMORY_BYTES = 2**28
"""Smaller matrices are kept in memory as float32: some 10,000 pictures with every block of EfficientNet-Lite0."""

Index = slice | Integers | Booleans


class Rows(Protocol):
    """The common interface of arrays, memory maps and `LazyRows`; reading a part gives an array."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...

    def __array__(self, dtype: Any = None, /) -> Any: ...


class UnseenRowsError(Exception):
    """Rows that were sent to another process, which does not see the files that they are read from."""


@runtime_checkable
class CutReader(Protocol):
    """What reads lazy rows, and can be cut to some of them: picklable, with nothing of the other rows."""

    def __call__(self, rows: Index, /) -> Any:
        """The rows of an index."""
        ...

    def only(self, rows: Index, /) -> Callable[[Index], Any]:
        """What reads those rows alone, counted among themselves."""
        ...


@dataclass(frozen=True)
class LazyRows:
    """Rows that are computed for each read and not kept; `numpy.asarray` reads all of them.

    Attributes:
        shape: [sample, feature].
        read: Computes the rows of a slice, an index or a mask.
        dtype: Type of these.
    """

    shape: tuple[int, ...]
    read: Callable[[Index], Any] = field(repr=False)
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Index) -> Any:
        return self.read(rows)

    def excerpt(self, index: Index) -> Rows:
        """The rows of an index, for another process: small when pickled where `read` can be cut to them, else in memory."""
        if not isinstance(self.read, CutReader):
            return np.asarray(self[index])
        read = self.read.only(index)
        return LazyRows((len(np.arange(len(self))[index]), *self.shape[1:]), read, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        out = np.empty(self.shape, dtype or self.dtype)
        for part in row_slices(len(self)):
            out[part] = self.read(part)
        return out


def row_slices(num: int, size: int = CHUNK_ROWS) -> Iterator[slice]:
    """Slices of `size` rows that cover `num`; the last may be shorter."""
    for start in range(0, num, size):
        yield slice(start, min(start + size, num))


def in_memory(rows: Rows) -> Rows:
    """The rows in memory where they are small enough, else as they are."""
    return np.asarray(rows) if 4 * math.prod(rows.shape) <= IN_MEMORY_BYTES else rows


def excerpt(rows: Rows, index: Index) -> Rows:
    """The rows of an index, for another process; see `LazyRows.excerpt`."""
    return rows.excerpt(index) if isinstance(rows, LazyRows) else np.asarray(rows[index])


@dataclass(frozen=True)
class _Chosen:
    """Reads some rows of others, int64 [chosen sample]."""

    rows: LazyRows
    chosen: Integers

    def __call__(self, part: Index) -> Any:
        return self.rows[self.chosen[part]]

    def only(self, part: Index) -> Callable[[Index], Any]:
        """See `CutReader`."""
        return self.rows.excerpt(self.chosen[part]).__getitem__


def taken(rows: Rows, index: Index) -> Rows:
    """The rows of an index, in memory where they are small enough, [taken sample, feature]."""
    if not isinstance(rows, LazyRows):
        return np.asarray(rows[index])
    chosen = np.arange(len(rows))[index]
    return in_memory(LazyRows((len(chosen), *rows.shape[1:]), _Chosen(rows, chosen), rows.dtype))


def linear_scores(rows: Rows, weight: Floats, bias: Floats) -> Floats:
    """The product of rows and weight [feature, class] plus bias [class], float64 [sample, class]."""
    out = np.empty((len(rows), len(bias)))
    for part in row_slices(len(rows)):
        out[part] = rows[part] @ weight + bias
    return out


def shifted(rows: Rows, origin: Floats) -> Rows:
    """The rows minus one row, in the rows' precision: an array of an array, lazy rows of others."""
    moved = LazyRows(rows.shape, lambda part: rows[part] - origin.astype(rows.dtype), rows.dtype)
    return moved if isinstance(rows, LazyRows) else np.asarray(moved)


def squared_lengths(rows: Rows) -> Floats:
    """The squared length of each row, float64 [sample]."""
    out = np.empty(len(rows))
    for part in row_slices(len(rows)):
        chunk = np.asarray(rows[part])
        out[part] = np.einsum("ij,ij->i", chunk, chunk, dtype=np.float64)
    return out


def unit_rows(matrix: Floats) -> Floats:
    """The rows scaled to unit length; rows of zeros stay."""
    return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12))


def mapped_briefly(rows: Rows) -> Rows:
    """The same rows; those of a large memory map are read through maps that are closed after each read.

    Pages that were read through a map count as memory of the process until the map is closed.
    """
    given: Any = rows
    if not (isinstance(given, np.memmap) and isinstance(getattr(given, "base", None), mmap.mmap) and given.flags.c_contiguous):
        return rows
    if given.filename is None or given.mode == "c" or given.nbytes <= IN_MEMORY_BYTES:
        return rows
    path, dtype, offset, shape = given.filename, given.dtype, given.offset, given.shape
    return LazyRows(shape, lambda part: np.array(np.memmap(path, dtype, "r", offset, shape)[part]), dtype)
