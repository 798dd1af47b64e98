from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.data.readers.idx import FASHION, Idx, read_idx

RNG = np.random.default_rng(9)


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def pair(
    folder: Path, stem: str, number: int, packed: bool = False, pixels: np.ndarray | None = None
) -> tuple[np.ndarray, list[int]]:
    """Writes the two files and returns what is in them."""
    folder.mkdir(exist_ok=True)
    pixels = RNG.integers(0, 256, (number, 5, 7), dtype=np.uint8) if pixels is None else pixels
    labels = np.arange(number) % 10
    for name, array in ((f"{stem}images-idx3-ubyte", pixels), (f"{stem}labels-idx1-ubyte", labels)):
        content = idx(array)
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)
    return pixels, labels.tolist()


def message(place: Path) -> str:
    with pytest.raises(DataError) as caught:
        Idx().read(str(place))
    return str(caught.value).replace(str(place if place.is_dir() else place.parent), "ROOT")


@pytest.mark.parametrize("packed", [False, True])
def test_two_pairs_are_the_given_splits(tmp_path, packed):
    folder = tmp_path / "mnist"
    test, test_labels = pair(folder, "t10k-", 3, packed)
    train, train_labels = pair(folder, "train-", 13, packed)
    assert Idx().recognizes(str(folder))
    raw = Idx().read(str(folder))
    assert raw.name == "mnist"
    assert raw.labels == tuple(str(label) for label in train_labels + test_labels)
    assert raw.splits == ("train",) * 13 + ("test",) * 3
    for row, expected in enumerate(np.concatenate([train, test])):
        np.testing.assert_array_equal(np.asarray(raw.images.read(row))[..., 1], expected)


def test_one_pair_is_left_to_be_split(tmp_path):
    pair(tmp_path / "set", "train-", 11)
    assert Idx().read(str(tmp_path / "set")).splits == ("",) * 11
    pair(tmp_path / "set", "t10k-", 3)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        assert Idx().recognizes(str(tmp_path / "set" / name))
        assert Idx().read(str(tmp_path / "set" / name)).splits == ("",) * 11


def test_other_ways_of_writing_the_names_are_understood(tmp_path):
    pair(tmp_path, "emnist-letters-train-", 5, packed=True)
    for name in ("images-idx3", "labels-idx1"):
        (tmp_path / f"emnist-letters-train-{name}-ubyte.gz").rename(
            tmp_path / f"emnist-letters-train-{name.replace('-', '.')}-ubyte.gz"
        )
    assert Idx().read(str(tmp_path)).labels == ("0", "1", "2", "3", "4")


def test_a_packed_file_beside_the_same_file_unpacked_counts_once(tmp_path):
    pair(tmp_path, "train-", 5)
    pair(tmp_path, "train-", 5, packed=True)
    assert len(Idx().read(str(tmp_path)).images) == 5


def test_fashion_mnist_has_names(tmp_path):
    pair(tmp_path / "Fashion-MNIST", "train-", 10)
    assert Idx().read(str(tmp_path / "Fashion-MNIST")).labels == FASHION


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GOOD = idx(np.zeros((2, 3, 4)))

BROKEN = {
    "magic": (
        IMAGES,
        b"\x89PNG and more",
        f"ROOT/{IMAGES}: starts with 89504e47, "
        "and an IDX file of bytes in 3 dimensions starts with 00000803. Get the file again.",
    ),
    "floats": (
        IMAGES,
        b"\0\0\x0d\x03" + GOOD[4:],
        f"ROOT/{IMAGES}: starts with 00000d03, "
        "and an IDX file of bytes in 3 dimensions starts with 00000803. Get the file again.",
    ),
    "empty": (
        LABELS,
        b"",
        f"ROOT/{LABELS}: starts with nothing, and an IDX file of bytes in 1 dimensions starts with 00000801. Get the file again.",
    ),
    "cut header": (IMAGES, GOOD[:9], f"ROOT/{IMAGES}: is damaged or ends early. Get the file again."),
    "cut": (IMAGES, GOOD[:-1], f"ROOT/{IMAGES}: holds 23 bytes where its header names 24. Get the file again."),
    "long": (IMAGES, GOOD + b"x", f"ROOT/{IMAGES}: holds more bytes where its header names 24. Get the file again."),
    "bomb": (
        IMAGES,
        b"\0\0\x08\x03" + b"\xff" * 12,
        f"ROOT/{IMAGES}: claims 79,228,162,458,924,105,385,300,197,375 bytes, more than the 8,589,934,592 allowed. "
        "Get the file again.",
    ),
    "cut gzip": (IMAGES, gzip.compress(GOOD)[:-9], f"ROOT/{IMAGES}: is damaged or ends early. Get the file again."),
    "hurt gzip": (IMAGES, b"\x1f\x8bgarbage", f"ROOT/{IMAGES}: is damaged or ends early. Get the file again."),
    "no pictures": (
        IMAGES,
        idx(np.zeros((0, 3, 4))),
        f"ROOT/{IMAGES}: holds no pictures, as its sizes are (0, 3, 4). Get the file again.",
    ),
    "counts": (LABELS, idx(np.zeros(3)), f"ROOT/{LABELS}: has 3 labels for 2 pictures. Get both files again."),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, kind):
    name, content, expected = BROKEN[kind]
    pair(tmp_path, "train-", 2)
    (tmp_path / IMAGES).write_bytes(GOOD)
    (tmp_path / name).write_bytes(content)
    assert message(tmp_path) == expected


def test_pairs_that_do_not_fit_are_refused_in_a_sentence(tmp_path):
    pair(tmp_path, "train-", 5)
    pair(tmp_path, "t10k-", 2, pixels=np.zeros((2, 4, 4)))
    assert message(tmp_path) == "ROOT/t10k-images-idx3-ubyte: its pictures are 4 x 4, and the others are 7 x 5. Use one size."
    pair(tmp_path, "more-train-", 5)
    assert message(tmp_path) == (
        "ROOT: both more-train-images-idx3-ubyte and train-images-idx3-ubyte hold train pictures. Point at one of them."
    )
    (tmp_path / LABELS).unlink()
    assert message(tmp_path / IMAGES) == (
        f"ROOT/{IMAGES}: has no file of labels beside it. Put the matching labels-idx1-ubyte file there."
    )


def test_an_unreadable_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(DataError) as caught:
        read_idx(tmp_path, 3)
    assert str(caught.value) == f"{tmp_path}: cannot be read (Is a directory). Make it readable."


@pytest.mark.parametrize("place", ["a\0images-idx3-ubyte", "n" * 5_000, "/nonexistent", "", "emoji"])
def test_recognizing_never_raises(place):
    assert Idx().recognizes(place) is False
