"""Scan: what is measured of every picture before any model runs: hash, thumbnail, size, and whether it can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from headstart.core.cores import num_cores
from headstart.core.errors import DataError
from headstart.core.progress import progress
from headstart.core.types import Booleans, Bytes, Floats, Integers
from headstart.data.decoding import decode_image
from headstart.data.images import ArrayImages, Images
from headstart.data.scan_cache import Measured, ScanCache

THUMBNAIL_PIXELS = 16
HASH_ROWS, HASH_COLUMNS = 8, 9
REDUCED_PIXELS = 128
"""Larger pictures are reduced by whole factors to no less than this first: eight pixels for each one of the thumbnail."""

CHUNK_BYTES = 64 * 2**20
CHUNK_FILES = 2_048
"""Files measured between two writes of the cache, as long as the set is small: what a kill can cost."""
CHUNK_SHARE = 8
"""In a large set an eighth of the files known so far is measured between two writes, because the cache is written whole: writes
at equal distances would take a time that grows with the square of their number, 100 GB for a million files."""


@dataclass(frozen=True)
class Scan:
    """The measurements of a set of pictures.

    Attributes:
        problems: A sentence per row that cannot be read; empty where it can.
        sha: SHA-256 per row of what `Images.content_key` hashes; empty where the row cannot be read.
        dhash: uint64 [sample], the difference hash: bit set where brightness rises from one column to the next. 0 for
            feature vectors.
        thumbnails: uint8 [sample, 16, 16], mean luminance. 0 for feature vectors.
        shorter_sides: int64 [sample], native pixels. 0 for feature vectors.
        gray: bool [sample], whether the three channels are equal. False for feature vectors.
    """

    problems: tuple[str, ...]
    sha: tuple[str, ...]
    dhash: NDArray[np.uint64]
    thumbnails: Bytes
    shorter_sides: Integers
    gray: Booleans

    def __len__(self) -> int:
        return len(self.problems)


def scan(images: Images) -> Scan:
    """The measurements of each picture, in order; of feature vectors only the hash is taken.

    Pictures are read by one thread a core, and what was measured of those in files is cached until a file's size or time of
    change differs. A picture that cannot be read is a row with a problem, never an exception.
    """
    if isinstance(images, ArrayImages):
        return _scan_array(images)
    if images.embedded:
        return _as_scan(Measured(images.content_key(row)) for row in range(len(images)))
    stamps = images.stamps()
    if stamps is None:
        measured: dict[int, Measured] = {}
        _measure(images, list(range(len(images))), 0, measured.update)
        return _as_scan(measured[row] for row in range(len(images)))
    cache = ScanCache(stamps)
    absent = [row for row in range(len(images)) if cache.get(row) is None]
    _measure(images, absent, len(images) - len(absent), cache.add)
    return _as_scan(cache[row] for row in range(len(images)))


def joined_scans(scans: Sequence[Scan]) -> Scan:
    """Several scans as one, in order."""
    return Scan(
        problems=tuple(problem for one in scans for problem in one.problems),
        sha=tuple(key for one in scans for key in one.sha),
        dhash=np.concatenate([one.dhash for one in scans]),
        thumbnails=np.concatenate([one.thumbnails for one in scans]),
        shorter_sides=np.concatenate([one.shorter_sides for one in scans]),
        gray=np.concatenate([one.gray for one in scans]),
    )


def _as_scan(pictures: Iterable[Measured]) -> Scan:
    found = list(pictures)
    blank = np.zeros((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), dtype=np.uint8)
    thumbnails = [blank if one.thumbnail is None else one.thumbnail for one in found]
    return Scan(
        problems=tuple(one.problem for one in found),
        sha=tuple(one.sha for one in found),
        dhash=np.array([one.dhash for one in found], dtype=np.uint64),
        thumbnails=np.array(thumbnails, dtype=np.uint8).reshape(-1, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS),
        shorter_sides=np.array([one.shorter_side for one in found], dtype=np.int64),
        gray=np.array([one.gray for one in found], dtype=np.bool_),
    )


def _measure(images: Images, absent: list[int], num_known: int, add: Callable[[dict[int, Measured]], None]) -> None:
    """Measure those rows, beside which so many are known, and add them part by part."""
    if not absent:
        return
    # Means are products of matrices so small that threads of BLAS, beside a thread a core, only get in each other's way.
    blas = threadpool_limits(1, "blas")
    with blas, ThreadPoolExecutor(num_cores()) as pool, progress(len(absent), "Looking at pictures") as advance:
        for rows in _chunks(absent, num_known):
            measured: dict[int, Measured] = {}
            for row, one in zip(rows, pool.map(lambda row: _measured_row(images, row), rows), strict=True):
                measured[row] = one
                advance(1)
            add(measured)


def _chunks(rows: list[int], num_known: int) -> Iterator[list[int]]:
    """The rows in parts, each as large as what the cache can lose: see `CHUNK_SHARE`."""
    start = 0
    while start < len(rows):
        size = max(CHUNK_FILES, (num_known + start) // CHUNK_SHARE)
        yield rows[start : start + size]
        start += size


def _measured_row(images: Images, row: int) -> Measured:
    try:
        found = images.opened(row)
        if isinstance(found, tuple):
            image, key = found
            return _measured(image, key, min(image.size))
        with found:
            sha = hashlib.file_digest(found, "sha256").hexdigest()
            found.seek(0)
            decoded = decode_image(found, images.name(row), REDUCED_PIXELS)
    except DataError as error:
        return Measured(problem=str(error))
    except OSError as error:
        return Measured(problem=f"{images.name(row)}: cannot be read ({error.strerror}). Restore it or remove it from the data.")
    return _measured(decoded.image, sha, decoded.shorter_side)


def _measured(image: Image.Image, sha: str, shorter_side: int) -> Measured:
    luminance = image.convert("L")
    if min(luminance.size) >= 2 * REDUCED_PIXELS:
        luminance = luminance.reduce(min(luminance.size) // REDUCED_PIXELS)
    thumbnails, dhash = _small_forms(np.asarray(luminance, dtype=np.float32)[None])
    red, green, blue = image.split()
    gray = red.tobytes() == green.tobytes() == blue.tobytes()
    return Measured(sha, "", int(dhash[0]), thumbnails[0], shorter_side, gray)


def _scan_array(images: ArrayImages) -> Scan:
    num_images, height, width, channels = images.pixels.shape
    dhash = np.zeros(num_images, dtype=np.uint64)
    thumbnails = np.zeros((num_images, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), dtype=np.uint8)
    gray = np.ones(num_images, dtype=np.bool_)
    step = max(1, CHUNK_BYTES // (height * width * channels * 8))
    for start in range(0, num_images, step):
        part = slice(start, start + step)
        pixels = images.pixels[part]
        thumbnails[part], dhash[part] = _small_forms(_luminance(pixels))
        gray[part] = (pixels == pixels[..., :1]).all(axis=(1, 2, 3))
    return Scan(
        problems=("",) * num_images,
        sha=tuple(images.content_key(row) for row in range(num_images)),
        dhash=dhash,
        thumbnails=thumbnails,
        shorter_sides=np.full(num_images, min(height, width), dtype=np.int64),
        gray=gray,
    )


def _small_forms(luminance: Floats) -> tuple[Bytes, NDArray[np.uint64]]:
    """Thumbnails and difference hashes of [sample, height, width]."""
    thumbnails = np.rint(_box_means(luminance, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)).astype(np.uint8)
    return thumbnails, _difference_hash(np.rint(_box_means(luminance, HASH_ROWS, HASH_COLUMNS)))


def _luminance(pixels: Bytes) -> Floats:
    """ITU-R 601-2 luma, float32 [sample, height, width], rounded as Pillow does."""
    if pixels.shape[-1] == 1:
        return pixels[..., 0].astype(np.float32)
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16).astype(np.float32)


def _box_means(luminance: Floats, num_rows: int, num_columns: int) -> Floats:
    """Means over equal boxes, pixels on a border counted by their share: float [sample, num_rows, num_columns]."""
    _, height, width = luminance.shape
    across = luminance @ _shares(width, num_columns).T
    return np.asarray(_shares(height, num_rows) @ across)


def _shares(side: int, num_boxes: int) -> Floats:
    """The share of each pixel in each box's mean, float32 [box, pixel]."""
    edges = np.linspace(0, side, num_boxes + 1)
    lower, upper = edges[:-1, None], edges[1:, None]
    pixel = np.arange(side)[None]
    overlap = np.clip(np.minimum(upper, pixel + 1) - np.maximum(lower, pixel), 0, None)
    return np.asarray(overlap * (num_boxes / side), dtype=np.float32)


def _difference_hash(small: Floats) -> NDArray[np.uint64]:
    """The 64 comparisons of neighboring columns of [sample, 8, 9] as bits, the first comparison highest.

    Reference: Krawetz, "Kind of Like That", hackerfactor.com, 2013 (dHash).
    """
    bits = small[:, :, 1:] > small[:, :, :-1]
    packed = np.packbits(bits.reshape(len(small), 64), axis=1)
    return np.asarray(packed.view(">u8").ravel(), dtype=np.uint64)
