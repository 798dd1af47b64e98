"""Which pictures are the same thing twice: equal bytes, or a recompressed, rescaled or slightly shifted copy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from headstart.core.types import Booleans, Floats, Integers
from headstart.data.scan import Scan

NEAR_HAMMING = 8
"""Pairs whose 64-bit dHashes differ in more bits are not compared. Chosen, not measured."""
NEAR_RESIDUAL = 0.13
"""The difference of two thumbnails that may remain after the best small shift, in units of their contrast. Planted copies of
solar cells stay below it, other cells and different emoji above (tests/data/test_duplicates.py)."""
LEAST_SIDE = 32
"""In smaller pictures a near copy cannot be told from another picture of the same kind: only equal bytes count."""
LEAST_CONTRAST = 4.0
"""Standard deviation of a thumbnail, in gray levels, below which there is nothing to compare. Chosen, not measured."""
LARGEST_BUCKET = 4096
"""Rows compared with one another at a time: bounds the time where many hashes are alike."""
MOST_PAIRS = 2_000_000
"""Candidate pairs: bounds the memory where many hashes are alike."""
MOST_SHARE = 0.05
"""A near-duplicate group above this share of all rows is a fixed camera or a background, not copies. Chosen, not measured."""
BATCH = 20_000
"""Pairs compared at a time, for flat memory."""


def duplicate_groups(scan: Scan) -> Integers:
    """The group of each row: the lowest row that it is a copy of, int64 [sample].

    Equal bytes always make a group. Near copies are pairs whose dHashes differ in at most eight bits and whose 16x16 thumbnails
    differ by less than `NEAR_RESIDUAL` of their contrast once a shift of up to one cell is undone. Pictures with a side under 32
    pixels, or with next to no contrast, are compared by their bytes only. Unreadable rows stay alone.
    """
    exact = exact_groups(scan)
    near = _near_pairs(scan, exact)
    groups = merged_groups(exact, near)
    sizes = np.bincount(groups, minlength=len(groups))
    too_large = sizes[groups] > max(20, MOST_SHARE * len(groups))
    return np.where(too_large, exact, groups)


def exact_groups(scan: Scan) -> Integers:
    """The lowest row with the same bytes, for each row; int64 [sample]."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(key or f"row {row}", row) for row, key in enumerate(scan.sha)], np.int64)


def merged_groups(groups: Integers, pairs: Integers) -> Integers:
    """The finest grouping in which rows of one group, and rows of one pair, are together: the lowest row of each, int64 [sample].

    Groups are int64 [sample], below the number of rows; pairs are int64 [pair, 2].
    """
    count = len(groups)
    start = np.concatenate([np.arange(count), pairs[:, 0]])
    end = np.concatenate([groups, pairs[:, 1]])
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    return np.asarray(np.unique(component, return_index=True)[1][component], np.int64)


def _near_pairs(scan: Scan, exact: Integers) -> Integers:
    """Confirmed near-duplicate pairs among rows that stand for their exact group; int64 [pair, 2]."""
    contrast = scan.thumbnails.reshape(len(exact), -1).astype(np.float32).std(axis=1)
    usable = (exact == np.arange(len(exact))) & (scan.shorter_sides >= LEAST_SIDE) & (contrast >= LEAST_CONTRAST)
    rows = np.flatnonzero(usable)
    pairs = rows[_close_hashes(scan.dhash[rows])]
    same = [batch[_same_picture(scan.thumbnails, batch)] for batch in _batches(pairs)]
    return np.concatenate(same) if same else np.empty((0, 2), np.int64)


def _batches(pairs: Integers) -> Iterator[Integers]:
    for start in range(0, len(pairs), BATCH):
        yield pairs[start : start + BATCH]


def _close_hashes(hashes: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> Integers:
    """Pairs that agree in one of the eight bytes and differ in few bits; int64 [pair, 2], first below second.

    Two hashes that differ in at most seven bits agree in at least one byte, so none of those is missed.
    """
    bands = np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)
    found: set[int] = set()
    for band in range(8):
        for rows in _buckets(np.arange(len(hashes)), bands, band):
            for first, second in _compare(hashes, rows):
                found.update((first * len(hashes) + second).tolist())
                if len(found) > MOST_PAIRS:
                    return _unpacked(found, len(hashes))
    return _unpacked(found, len(hashes))


def _unpacked(found: set[int], count: int) -> Integers:
    codes = np.array(sorted(found)[:MOST_PAIRS], np.int64)
    return np.stack(np.divmod(codes, max(count, 1)), axis=1)


def _buckets(
    rows: Integers, bands: np.ndarray[tuple[int, int], np.dtype[np.uint8]], band: int, depth: int = 1
) -> Iterator[Integers]:
    """Rows that share a byte; where too many do, rows that share the next byte too."""
    keys = bands[rows, (band + depth - 1) % 8]
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    for bucket in np.split(rows[order], edges):
        if len(bucket) > LARGEST_BUCKET and depth < 8:
            yield from _buckets(bucket, bands, band, depth + 1)
        elif len(bucket) > 1:
            yield np.sort(bucket)[:LARGEST_BUCKET]


def _compare(hashes: np.ndarray[tuple[int], np.dtype[np.uint64]], rows: Integers) -> Iterator[tuple[Integers, Integers]]:
    for start in range(0, len(rows), 512):
        left = hashes[rows[start : start + 512]]
        close = np.bitwise_count(left[:, None] ^ hashes[rows[start:]][None, :]) <= NEAR_HAMMING
        first, second = np.nonzero(np.triu(close, 1))
        yield rows[start + first], rows[start + second]


def _same_picture(thumbnails: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], pairs: Integers) -> Booleans:
    """Whether one thumbnail is the other after a small shift.

    To first order a shift (u, v) changes a picture by u dI/dx + v dI/dy. The shift is found by least squares over the inner
    14x14 cells, and what it leaves unexplained is compared with the contrast.
    """
    first = thumbnails[pairs[:, 0]].astype(np.float32)
    second = thumbnails[pairs[:, 1]].astype(np.float32)
    mean = (first + second) / 2
    across = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    down = (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1]) / 2
    change = (second - first)[:, 1:-1, 1:-1]
    shift, residual = _best_shift(across, down, change)
    contrast = mean[:, 1:-1, 1:-1].std(axis=(1, 2))
    return np.asarray((residual < NEAR_RESIDUAL * contrast) & (np.abs(shift).max(axis=1) <= 1))


def _best_shift(across: Floats, down: Floats, change: Floats) -> tuple[Floats, Floats]:
    """The least-squares shift of each pair, [pair, 2], and the root mean square of what it leaves, [pair]."""
    slopes = np.stack([across, down], axis=-1).reshape(len(change), -1, 2).astype(np.float64)
    target = change.reshape(len(change), -1, 1).astype(np.float64)
    transposed = slopes.transpose(0, 2, 1)
    shift = np.linalg.solve(transposed @ slopes + 1e-3 * np.eye(2), transposed @ target)
    residual = np.sqrt(((target - slopes @ shift) ** 2).mean(axis=(1, 2)))
    return shift[:, :, 0], residual
