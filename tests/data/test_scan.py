from __future__ import annotations

import hashlib
import os
import time

import numpy as np
import pytest
from PIL import Image

from headstart.core.types import Integers
from headstart.data import scan as scan_module
from headstart.data.images import ArrayImages, Embeddings, FileImages, Images
from headstart.data.scan import Scan, scan

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


def blobs(number: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Smooth random pictures, as photographs are."""
    coarse = RNG.integers(0, 256, (number, 5, 7, channels), dtype=np.uint8)
    resized = [
        np.stack(
            [np.asarray(Image.fromarray(one[..., c]).resize((width, height), Image.Resampling.BICUBIC)) for c in range(channels)],
            -1,
        )
        for one in coarse
    ]
    return np.stack(resized)


def in_memory(pixels: np.ndarray) -> ArrayImages:
    return ArrayImages(pixels, "set", np.arange(len(pixels)))


def in_files(folder, pixels: np.ndarray) -> FileImages:
    folder.mkdir(exist_ok=True)
    paths = []
    for row, array in enumerate(pixels):
        paths.append(folder / f"{row}.png")
        Image.fromarray(array).save(paths[-1])
    return FileImages(tuple(paths))


def test_pictures_in_memory_and_in_files_have_equal_scans(tmp_path):
    pixels = blobs(13, 47, 53)
    pixels[4] = pixels[4][..., :1]
    memory, files = scan(in_memory(pixels)), scan(in_files(tmp_path / "set", pixels))
    assert np.abs(memory.thumbnails.astype(int) - files.thumbnails.astype(int)).max() <= 1
    distance = np.array([bin(a ^ b).count("1") for a, b in zip(memory.dhash.tolist(), files.dhash.tolist(), strict=True)])
    assert distance.max() <= 2
    np.testing.assert_array_equal(memory.gray, files.gray)
    assert memory.gray.tolist() == [row == 4 for row in range(13)]
    assert memory.shorter_sides.tolist() == files.shorter_sides.tolist() == [47] * 13
    assert memory.problems == files.problems == ("",) * 13


def test_the_difference_hash_sets_a_bit_where_brightness_rises():
    rising = np.tile(np.arange(9, dtype=np.uint8), (8, 1))[None, ..., None]
    falling = rising[:, :, ::-1]
    one = np.zeros_like(rising)
    one[0, 0, 1:] = 9
    assert scan(in_memory(rising)).dhash.tolist() == [2**64 - 1]
    assert scan(in_memory(falling)).dhash.tolist() == [0]
    assert scan(in_memory(one)).dhash.tolist() == [2**63]


def test_a_thumbnail_holds_box_means():
    pixels = RNG.integers(0, 256, (3, 48, 32, 1), dtype=np.uint8)
    expected = pixels[..., 0].reshape(3, 16, 3, 16, 2).mean(axis=(2, 4))
    assert np.abs(scan(in_memory(pixels)).thumbnails - expected).max() <= 0.5


def test_a_near_copy_is_near_and_another_picture_is_far(tmp_path):
    first, other = blobs(2, 97, 131)
    Image.fromarray(first).save(tmp_path / "a.png")
    Image.fromarray(first).resize((71, 53)).save(tmp_path / "b.jpg", quality=60)
    Image.fromarray(other).save(tmp_path / "c.png")
    seen = scan(FileImages(tuple(tmp_path / name for name in ("a.png", "b.jpg", "c.png"))))
    assert bin(int(seen.dhash[0] ^ seen.dhash[1])).count("1") <= 4
    assert bin(int(seen.dhash[0] ^ seen.dhash[2])).count("1") > 10


def test_hashes_are_those_of_the_images(tmp_path):
    pixels = blobs(3, 19, 23)
    for images in (in_memory(pixels), in_files(tmp_path / "set", pixels)):
        assert scan(images).sha == tuple(images.content_key(row) for row in range(3))


def test_rows_choose_and_order(tmp_path):
    files = in_files(tmp_path / "set", blobs(5, 19, 23))
    rows = np.array([3, 1])
    assert scan(files.take(rows)).sha == (files.content_key(3), files.content_key(1))


def test_feature_vectors_have_a_hash_only():
    features = RNG.normal(size=(7, 3)).astype(np.float32)
    images = Embeddings(features, "set", np.arange(7))
    seen = scan(images)
    assert seen.sha == tuple(images.content_key(row) for row in range(7))
    assert (seen.dhash.sum(), seen.thumbnails.sum(), seen.shorter_sides.sum(), seen.gray.sum()) == (0, 0, 0, 0)
    assert seen.thumbnails.shape == (7, 16, 16)


def test_no_rows_make_an_empty_scan(tmp_path):
    nothing = np.array([], dtype=np.int64)
    for images in (in_memory(blobs(2, 19, 23)), FileImages(()), Embeddings(np.zeros((2, 3), np.float32), "set", np.arange(2))):
        seen = scan(images.take(nothing))
        assert (len(seen), seen.thumbnails.shape, seen.dhash.dtype) == (0, (0, 16, 16), np.uint64)


def test_an_unreadable_file_is_a_row_with_a_sentence(tmp_path):
    files = in_files(tmp_path / "set", blobs(5, 19, 23))
    files.paths[1].write_bytes(b"no picture")
    files.paths[2].unlink()
    files.paths[3].write_bytes(files.paths[3].read_bytes()[:300])
    seen = scan(files)
    assert [bool(problem) for problem in seen.problems] == [False, True, True, True, False]
    assert [bool(sha) for sha in seen.sha] == [True, False, False, False, True]
    assert all(problem.startswith(f"{path}: ") for problem, path in zip(seen.problems, files.paths, strict=True) if problem)


class Foreign(Images):
    """A sequence that the scan knows nothing about."""

    def __init__(self, inner: ArrayImages) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def name(self, row: int) -> str:
        return self.inner.name(row)

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return self.inner.read(row, at_least)

    def content_key(self, row: int) -> str:
        return self.inner.content_key(row)

    def take(self, rows: Integers) -> Foreign:
        return Foreign(self.inner.take(rows))


def test_any_sequence_of_pictures_can_be_scanned():
    inner = in_memory(blobs(5, 19, 23))
    assert scan(Foreign(inner)).sha == scan(inner).sha


def count_decodings(monkeypatch) -> list[str]:
    decoded: list[str] = []
    real = scan_module.decode_image

    def counting(stream, name, at_least):
        decoded.append(name)
        return real(stream, name, at_least)

    monkeypatch.setattr(scan_module, "decode_image", counting)
    return decoded


def equal(first: Scan, second: Scan) -> bool:
    return (first.problems, first.sha) == (second.problems, second.sha) and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("dhash", "thumbnails", "shorter_sides", "gray")
    )


def test_only_new_and_changed_files_are_decoded_again(tmp_path, monkeypatch):
    pixels = blobs(7, 19, 23)
    files = in_files(tmp_path / "set", pixels)
    first = scan(FileImages(files.paths[:5]))
    decoded = count_decodings(monkeypatch)
    assert equal(scan(FileImages(files.paths[:5])), first)
    assert decoded == []
    Image.fromarray(pixels[6]).save(files.paths[2], compress_level=1)
    os.utime(files.paths[2], ns=(1, 1))
    again = scan(files)
    assert sorted(decoded) == [str(files.paths[row]) for row in (2, 5, 6)]
    assert again.sha == tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in files.paths)


def test_a_mended_file_counts_at_once(tmp_path):
    files = in_files(tmp_path / "set", blobs(2, 19, 23))
    whole, stamp = files.paths[0].read_bytes(), files.paths[0].stat()
    files.paths[0].write_bytes(b"x" * len(whole))
    os.utime(files.paths[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert scan(files).problems[0]
    files.paths[0].write_bytes(whole)
    os.utime(files.paths[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    mended = scan(files)
    assert (mended.problems[0], mended.sha[0]) == ("", hashlib.sha256(whole).hexdigest())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", None])
def test_a_broken_cache_costs_time_and_nothing_else(tmp_path, content):
    files = in_files(tmp_path / "set", blobs(3, 19, 23))
    first = scan(files)
    (cache,) = (tmp_path / "cache" / "scan").iterdir()
    cache.write_bytes(cache.read_bytes()[:-50] if content is None else content)
    assert equal(scan(files), first)


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert scan(in_files(tmp_path / "set", blobs(3, 19, 23))).problems == ("",) * 3


@pytest.mark.slow
def test_sixty_thousand_small_pictures_take_seconds():
    pixels = RNG.integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
    start = time.process_time()
    scan(in_memory(pixels))
    assert time.process_time() - start < 8


def test_the_cache_is_written_at_growing_distances() -> None:
    sizes = [len(rows) for rows in scan_module._chunks(list(range(100_000)), 0)]
    assert sizes[:8] == [2_048] * 8
    assert sum(sizes) == 100_000
    assert len(sizes) < 30
    assert [len(rows) for rows in scan_module._chunks(list(range(30_000)), 160_000)] == [20_000, 10_000]
    assert list(scan_module._chunks([], 7)) == []
