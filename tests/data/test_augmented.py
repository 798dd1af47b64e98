"""Random views of pictures: each is drawn once, whatever rows it is asked for with."""

from __future__ import annotations

import numpy as np

from headstart.data.augmentation.views import view_of
from headstart.data.augmented import views_of
from headstart.data.images import ArrayImages, ImageSet


def pictures(num_rows: int = 4) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (num_rows, 8, 8, 3), np.uint8)
    images = ArrayImages(pixels, "noise", np.arange(num_rows))
    return ImageSet(images, ("a", "b"), np.arange(num_rows) % 2, 10 + np.arange(num_rows))


def pixels_of(rows: ImageSet) -> list[bytes]:
    return [rows.images.read(row).tobytes() for row in range(len(rows))]


def test_all_first_views_come_in_the_order_of_the_pictures_then_all_second_ones():
    rows = pictures()
    views = views_of(rows, view_of("weak", 8), 2)
    assert views.labels.tolist() == [0, 1, 0, 1] * 2
    assert views.groups.tolist() == [10, 11, 12, 13] * 2
    assert [views.images.name(row) for row in (0, 5)] == ["noise[0], view 1", "noise[1], view 2"]


def test_views_differ_from_the_picture_and_from_each_other():
    rows = pictures()
    seen = pixels_of(rows) + pixels_of(views_of(rows, view_of("weak", 8), 3))
    assert len(set(seen)) == len(seen) == 16


def test_a_view_is_the_same_whatever_rows_it_is_asked_for_with():
    rows = pictures()
    every, some = (views_of(one, view_of("weak", 8), 2) for one in (rows, rows.take(np.array([2, 0]))))
    assert pixels_of(some) == [pixels_of(every)[row] for row in (2, 0, 6, 4)]
    assert some.content_keys == tuple(every.content_keys[row] for row in (2, 0, 6, 4))
    assert every.take(np.array([6])).content_keys == (every.content_keys[6],)


def test_other_views_have_other_keys():
    rows = pictures()
    views = [view_of("weak", 8), view_of("weak", 8, flip=True), view_of("weak", 224)]
    keys = [key for view in views for key in views_of(rows, view, 2).content_keys]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(rows.content_keys)


def test_pictures_keep_their_shape():
    pixels = np.random.default_rng(1).integers(0, 256, (1, 6, 11, 1), np.uint8)
    rows = ImageSet(ArrayImages(pixels, "gray", np.arange(1)), ("a",), np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert views_of(rows, view_of("weak", 6), 1).images.read(0).size == (11, 6)


def test_a_large_picture_is_reduced_before_a_view_is_drawn():
    pixels = np.random.default_rng(2).integers(0, 256, (1, 800, 1200, 3), np.uint8)
    rows = ImageSet(ArrayImages(pixels, "large", np.arange(1)), ("a",), np.zeros(1, np.int64), np.zeros(1, np.int64))
    view = view_of("weak", 224)
    seen = views_of(rows, view, 1).images
    assert seen.read(0).size == (1200, 800)
    assert seen.read(0, at_least=96).size == (240, 160)
