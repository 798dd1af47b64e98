from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_data import smooth

from headstart.data import duplicates
from headstart.data.built_in import BUILT_IN
from headstart.data.duplicates import duplicate_groups, merged_groups
from headstart.data.images import ArrayImages
from headstart.data.scan import Scan, scan


def scan_of(pixels: np.ndarray) -> Scan:
    return scan(ArrayImages(pixels, "set", np.arange(len(pixels))))


def as_jpeg(picture: np.ndarray, quality: int = 60) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def shifted(picture: np.ndarray, pixels: int = 2) -> np.ndarray:
    return np.concatenate([np.repeat(picture[:, :1], pixels, axis=1), picture[:, :-pixels]], axis=1)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20),
    st.lists(st.integers(0, 12), min_size=13, max_size=13),
)
def test_merged_groups_are_the_connected_components(pairs, groups):
    merged = merged_groups(np.array(groups), np.array(pairs, np.int64).reshape(-1, 2))
    parent = list(range(13))
    for _ in range(13):
        for first, second in [*pairs, *enumerate(groups)]:
            parent = [min(parent[first], parent[second]) if at in (parent[first], parent[second]) else at for at in parent]
    assert merged.tolist() == parent


def test_equal_pictures_are_one_group_however_small_or_blank():
    pixels = smooth(5, 6)
    pixels = np.concatenate([pixels, pixels[[3, 1]], np.zeros((2, 6, 6, 3), np.uint8)])
    assert duplicate_groups(scan_of(pixels)).tolist() == [0, 1, 2, 3, 4, 3, 1, 7, 7]


def test_small_and_blank_pictures_are_never_near_copies():
    small = smooth(1, 31)
    assert len(set(duplicate_groups(scan_of(np.stack([small[0], as_jpeg(small[0])]))))) == 2
    faint = np.broadcast_to(200 + np.arange(40, dtype=np.uint8)[:, None] // 4, (2, 3, 40, 40)).transpose(0, 2, 3, 1).copy()
    faint[1, 0, 0] = 201
    assert duplicate_groups(scan_of(faint)).tolist() == [0, 1]
    strong = (faint - 200) * 20
    assert duplicate_groups(scan_of(strong)).tolist() == [0, 0]


def test_recompressed_and_shifted_photographs_are_found():
    pixels = smooth(40, 101)
    copies = np.stack([as_jpeg(picture) if at % 2 else shifted(picture) for at, picture in enumerate(pixels)])
    groups = duplicate_groups(scan_of(np.concatenate([pixels, copies])))
    assert (groups[40:] == np.arange(40)).mean() >= 0.95
    assert groups[:40].tolist() == list(range(40))


def test_the_order_of_rows_changes_the_ids_and_not_the_groups():
    pixels = smooth(23, 64)
    pixels = np.concatenate([pixels, np.stack([as_jpeg(picture) for picture in pixels[:11]])])
    order = np.random.default_rng(0).permutation(34)
    plain, mixed = duplicate_groups(scan_of(pixels)), duplicate_groups(scan_of(pixels[order]))
    assert ((plain[order][:, None] == plain[order][None]) == (mixed[:, None] == mixed[None])).all()


def test_close_hashes_finds_every_pair_of_up_to_seven_bits_and_none_above_eight():
    rng = np.random.default_rng(3)
    seeds = rng.integers(0, 2**63, 29, dtype=np.uint64)
    flips = [
        np.bitwise_xor.reduce(np.uint64(1) << rng.choice(64, size, replace=False).astype(np.uint64)) for size in range(1, 12)
    ]
    hashes = np.concatenate([seeds, *[seeds ^ flip for flip in flips]])
    met = {tuple(pair) for pair in duplicates._close_hashes(hashes).tolist()}
    for first, second in itertools.combinations(range(len(hashes)), 2):
        distance = int(hashes[first] ^ hashes[second]).bit_count()
        assert (first, second) in met or distance > 7
        assert (first, second) not in met or distance <= 8


@pytest.mark.parametrize("agreeing", range(8))
def test_hashes_that_agree_in_one_byte_alone_are_met(agreeing):
    flip = sum(1 << (8 * byte + 3) for byte in range(8) if byte != agreeing)
    start = 0x0123456789ABCDEF
    assert duplicates._close_hashes(np.array([start, start ^ flip], np.uint64)).tolist() == [[0, 1]]


def test_crowded_buckets_are_narrowed_and_lose_no_equal_hash(monkeypatch):
    monkeypatch.setattr(duplicates, "LARGEST_BUCKET", 20)
    hashes = np.concatenate([np.arange(50, dtype=np.uint64) << np.uint64(8 * at) for at in range(8)])
    met = {tuple(pair) for pair in duplicates._close_hashes(hashes).tolist()}
    equal = {(first, second) for first, second in itertools.combinations(range(400), 2) if hashes[first] == hashes[second]}
    assert equal <= met


def test_a_fixed_camera_is_no_group_of_copies():
    base = smooth(1, 64)[0].astype(np.int16)
    rng = np.random.default_rng(0)
    frames = np.stack([np.clip(base + rng.integers(-3, 4, base.shape), 0, 255) for _ in range(30)]).astype(np.uint8)
    assert len(set(duplicate_groups(scan_of(frames)).tolist())) == 30


def test_drawings_of_different_emoji_are_not_merged():
    raw = BUILT_IN.get("emoji")().read("emoji")
    groups = duplicate_groups(scan(raw.images))
    alone = np.bincount(groups, minlength=len(groups))[groups] == 1
    assert alone.mean() > 0.99


@pytest.mark.slow
def test_planted_copies_of_solar_cells_are_found_and_other_cells_are_not_merged():
    pytest.importorskip("elpv_dataset")
    raw = BUILT_IN.get("elpv")().read("elpv")
    rows = np.arange(0, 2624, 9)
    cells = np.stack([np.asarray(raw.images.read(int(row)).convert("L")) for row in rows])
    picked = np.arange(0, len(rows), 5)
    copies = np.stack([as_jpeg(cells[row]) if at % 2 else shifted(cells[row]) for at, row in enumerate(picked)])
    groups = duplicate_groups(scan_of(np.concatenate([cells, copies])[..., None]))
    assert (groups[len(rows) :] == picked).mean() >= 0.95
    assert (groups[: len(rows)] == np.arange(len(rows))).mean() > 0.99
