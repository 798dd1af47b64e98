"""Sums over rows that are too many for one place: workers read spans of rows, and their sums are joined pair by pair."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from headstart.core.executing import Resources, Shared, Work, executor
from headstart.core.progress import note
from headstart.core.rows import (
    CHUNK_ROWS,
    IN_MEMORY_BYTES,
    CutReader,
    LazyRows,
    Rows,
    UnseenRowsError,
    excerpt,
    row_slices,
    taken,
)
from headstart.core.types import Floats

Sums: TypeAlias = tuple[Floats, ...]
"""Sums over rows, which are added one by one to those of other rows."""
SummedRows: TypeAlias = Callable[..., Sums]
"""A function at the top of a module: it is given rows, columns that go with them and constants."""

FEWEST_CHUNKS = 16
"""Chunks of rows that a span has at least. Chosen, not measured."""
ROWS_A_FEATURE = 32
"""A span has so many rows for each feature: it then reads 16 times the bytes of the matrix [feature, feature] that it sends back.
Chosen, not measured."""


MATRICES = 3
"""Matrices [feature, feature] of float64 that summing takes: the total, and a product before and after its conversion."""
UNSEEN = (
    "The machines of the cluster do not see the features in this machine's cache: it sums over them alone. Let HEADSTART_CACHE "
    "name a folder on a disk that all share, or HEADSTART_STORE an address such as s3://bucket/features."
)


def sums_over(summed: SummedRows, rows: Rows, *columns: Rows, constants: tuple[Any, ...] = ()) -> Sums:
    """What `summed(rows, *columns, *constants)` gives; many lazy rows are read span by span where the executor runs works.

    Spans and the order of their joining depend on the shape of the rows alone: the sums are equal on any number of workers, and
    differ from those of one process by the rounding of float64. Rows in memory, and those that cannot be cut, are summed here.

    Args:
        summed: Gives sums over rows, read by chunks of `CHUNK_ROWS`.
        rows: float [sample, feature].
        *columns: Rows that go with them, [sample, ...] each.
        constants: What else it is given.

    Returns:
        The sums.
    """
    many = isinstance(rows, LazyRows) and isinstance(rows.read, CutReader) and 4 * math.prod(rows.shape) > IN_MEMORY_BYTES
    if not (many and executor().is_remote):
        return summed(rows, *columns, *constants)
    return joined_in_pairs(_Spans(summed, rows, columns, constants).each())


def span_rows(width: int) -> int:
    """Rows of a span, a multiple of `CHUNK_ROWS`, so that chunks are those of one process."""
    return CHUNK_ROWS * max(FEWEST_CHUNKS, -(-ROWS_A_FEATURE * width // CHUNK_ROWS))


def joined_in_pairs(every: Iterable[Sums]) -> Sums:
    """The total of all, added pair by pair as they come: sums of equally many are joined first, so that few wait."""
    waiting: list[tuple[int, Sums]] = []
    for sums in every:
        count, joined = 1, sums
        while waiting and waiting[-1][0] == count:
            count, joined = 2 * count, _added(waiting.pop()[1], joined)
        waiting.append((count, joined))
    total = waiting.pop()[1]
    while waiting:
        total = _added(waiting.pop()[1], total)
    return total


def _added(first: Sums, second: Sums) -> Sums:
    return tuple(np.asarray(one + other) for one, other in zip(first, second, strict=True))


@dataclass(frozen=True)
class _Spans:
    """The sums over some rows, span by span; see `sums_over`."""

    summed: SummedRows
    rows: Rows
    columns: tuple[Rows, ...]
    constants: tuple[Any, ...]

    def all(self) -> Iterator[slice]:
        """The spans, in order."""
        return row_slices(len(self.rows), span_rows(self.rows.shape[1]))

    def each(self) -> Iterator[Sums]:
        """The sums of each span, in order; made in this process from where a worker does not see the rows."""
        num_done = 0
        for sums in executor().results(self.works(executor().share(self.constants))):
            if sums is None:
                note(UNSEEN)
                break
            yield sums
            num_done += 1
        for span in islice(self.all(), num_done, None):
            index = np.arange(span.start, span.stop)
            yield self.summed(taken(self.rows, index), *(taken(column, index) for column in self.columns), *self.constants)

    def works(self, constants: Shared[tuple[Any, ...]]) -> Iterator[Work[Sums | None]]:
        """A work for each span, which reads its rows itself."""
        resources = Resources(memory_bytes=MATRICES * 8 * self.rows.shape[1] ** 2)
        for span in self.all():
            index = np.arange(span.start, span.stop)
            rows, *columns = (excerpt(one, index) for one in (self.rows, *self.columns))
            yield Work(_sums_there, (self.summed, rows, tuple(columns), constants), "sums over rows", resources)


def _sums_there(summed: SummedRows, rows: Rows, columns: tuple[Rows, ...], constants: tuple[Any, ...]) -> Sums | None:
    """The sums of a span; None where this process does not see its rows."""
    try:
        return summed(rows, *columns, *constants)
    except UnseenRowsError:
        return None


def column_means(rows: Rows, weights: Floats | None = None) -> Floats:
    """The mean row, float64 [feature]; weights [sample] have mean 1."""
    (total,) = sums_over(_column_totals, rows, *(() if weights is None else (weights,)))
    return total / len(rows)


def _column_totals(rows: Rows, weights: Floats | None = None) -> Sums:
    total = np.zeros(rows.shape[1])
    for part in row_slices(len(rows)):
        chunk = np.asarray(rows[part], np.float64)
        total += chunk.sum(axis=0) if weights is None else weights[part] @ chunk
    return (total,)
