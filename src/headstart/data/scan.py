"""Scan: what one look at every picture tells, before any model sees it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.progress import progress
from headstart.core.types import Booleans, Bytes, Floats, Integers
from headstart.data.decoding import decode_image, open_file
from headstart.data.images import ArrayImages, Embeddings, FileImages, Images
from headstart.data.scan_cache import Look, ScanCache

THUMBNAIL_PIXELS = 16
HASH_ROWS, HASH_COLUMNS = 8, 9
REDUCED_PIXELS = 128
"""Larger pictures are reduced by whole factors to no less than this first: eight pixels for each one of the thumbnail."""

CHUNK_BYTES = 64 * 2**20
CHUNK_FILES = 2_048
"""Files looked at between two writes of the cache: what a kill can cost."""


@dataclass(frozen=True)
class Scan:
    """One look at every picture.

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


def scan(images: Images, rows: Integers | None = None) -> Scan:
    """What one look at those pictures tells.

    Pictures in files are read by one thread a core and remembered in the cache folder until their size or time of change
    differs. A picture that cannot be read is a row with a problem, never an exception.

    Args:
        images: The pictures, or feature vectors, of which only the hash is taken.
        rows: Which of them; all when None.

    Returns:
        The scan, in the order of the rows.
    """
    chosen = images if rows is None else images.take(rows)
    if isinstance(chosen, ArrayImages):
        return _scan_array(chosen)
    if isinstance(chosen, FileImages):
        return _scan_files(chosen)
    if isinstance(chosen, Embeddings) or chosen.embedded:
        return _joined(Look(chosen.content_key(row)) for row in range(len(chosen)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _joined(pool.map(lambda row: _look_at_row(chosen, row), range(len(chosen))))


def _joined(looks: Iterable[Look]) -> Scan:
    found = list(looks)
    blank = np.zeros((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), dtype=np.uint8)
    thumbnails = [blank if look.thumbnail is None else look.thumbnail for look in found]
    return Scan(
        problems=tuple(look.problem for look in found),
        sha=tuple(look.sha for look in found),
        dhash=np.array([look.dhash for look in found], dtype=np.uint64),
        thumbnails=np.array(thumbnails, dtype=np.uint8).reshape(-1, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS),
        shorter_sides=np.array([look.shorter_side for look in found], dtype=np.int64),
        gray=np.array([look.gray for look in found], dtype=np.bool_),
    )


def _scan_files(images: FileImages) -> Scan:
    cache = ScanCache(images.paths)
    unseen = [row for row in range(len(images)) if cache.get(row) is None]
    if not unseen:
        return _joined(cache[row] for row in range(len(images)))
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress(len(unseen), "Looking at pictures") as advance:
        for start in range(0, len(unseen), CHUNK_FILES):
            looks: dict[int, Look] = {}
            rows = unseen[start : start + CHUNK_FILES]
            for row, look in zip(rows, pool.map(lambda row: _look_at_file(images, row), rows), strict=True):
                looks[row] = look
                advance(1)
            cache.add(looks)
    return _joined(cache[row] for row in range(len(images)))


def _look_at_file(images: FileImages, row: int) -> Look:
    path = images.paths[row]
    try:
        with open_file(path) as stream:
            sha = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            seen = decode_image(stream, str(path), REDUCED_PIXELS)
    except DataError as error:
        return Look(problem=str(error))
    except OSError as error:
        return Look(problem=f"{path}: cannot be read ({error.strerror}). Restore it or remove it from the data.")
    return _look_at(seen.image, sha, seen.shorter_side)


def _look_at_row(images: Images, row: int) -> Look:
    try:
        image = images.read(row)
        return _look_at(image, images.content_key(row), min(image.size))
    except DataError as error:
        return Look(problem=str(error))


def _look_at(image: Image.Image, sha: str, shorter_side: int) -> Look:
    luminance = image.convert("L")
    if min(luminance.size) >= 2 * REDUCED_PIXELS:
        luminance = luminance.reduce(min(luminance.size) // REDUCED_PIXELS)
    thumbnails, dhash = _small_forms(np.asarray(luminance, dtype=np.float32)[None])
    red, green, blue = image.split()
    gray = red.tobytes() == green.tobytes() == blue.tobytes()
    return Look(sha, "", int(dhash[0]), thumbnails[0], shorter_side, gray)


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
