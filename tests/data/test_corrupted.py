"""Corrupted pictures: what is drawn for each, and what stays the same."""

from __future__ import annotations

import numpy as np

from headstart.data.corrupted import corrupted, variously_corrupted
from headstart.data.corruptions import CORRUPTIONS
from headstart.data.images import ArrayImages, ImageSet


def some(count: int = 40) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 12, 12, 3)).astype(np.uint8)
    images = ArrayImages(pixels, "noise", np.arange(count))
    return ImageSet(images, ("a", "b"), np.arange(count) % 2, np.arange(count))


def test_each_picture_has_a_corruption_of_the_family_whatever_rows_are_asked_for() -> None:
    seen = variously_corrupted(some(), "everyday")
    drawn = [seen.images.drawn(row) for row in range(40)]
    assert {CORRUPTIONS.get(name).family for name, _ in drawn} == {"everyday"}
    assert "mirror" not in {name for name, _ in drawn}  # a mirrored digit is another one
    assert len(set(drawn)) > 8
    few = seen.take(np.array([7, 3]))
    assert [few.images.drawn(row) for row in range(2)] == [drawn[7], drawn[3]]
    assert np.array_equal(np.asarray(few.images.read(0)), np.asarray(seen.images.read(7)))
    assert few.content_keys == (seen.content_keys[7], seen.content_keys[3])


def test_it_is_the_picture_that_the_corruption_alone_gives() -> None:
    rows = some(3)
    seen = variously_corrupted(rows, "noise")
    name, strength = seen.images.drawn(1)
    same = corrupted(rows, name, strength)
    assert np.array_equal(np.asarray(same.images.read(1)), np.asarray(seen.images.read(1)))
    assert same.content_keys[1] == seen.content_keys[1]
