"""Flipped pictures: left is right, twice flipped is as it was, and content keys differ."""

from __future__ import annotations

import numpy as np

from headstart.data.flipped import flipped
from headstart.data.images import ArrayImages, ImageSet


def made(num: int = 5) -> ImageSet:
    pixels = np.random.default_rng(1).integers(0, 255, (num, 6, 8, 3)).astype(np.uint8)
    return ImageSet(ArrayImages(pixels, "set", np.arange(num)), ("a", "b"), np.arange(num) % 2, np.arange(num))


def test_left_is_right_and_twice_is_once():
    rows = made()
    once, twice = flipped(rows), flipped(flipped(rows))
    for row in range(len(rows)):
        picture = np.asarray(rows.images.read(row))
        np.testing.assert_array_equal(np.asarray(once.images.read(row)), picture[:, ::-1])
        np.testing.assert_array_equal(np.asarray(twice.images.read(row)), picture)


def test_labels_and_groups_stay_and_keys_differ():
    rows = made()
    other = flipped(rows).take([3, 1])
    assert other.labels.tolist() == [1, 1]
    assert other.groups.tolist() == [3, 1]
    assert not set(other.content_keys) & set(rows.content_keys)
    assert other.images.name(0) == f"{rows.images.name(3)} mirrored"
