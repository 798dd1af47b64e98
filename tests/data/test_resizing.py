"""Squeezing equals Pillow's bicubic within a gray level, for one picture and for many."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.data.images import ArrayImages, FileImages
from headstart.data.resizing import resized_to_square


def _smooth(rows: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (rows, 7, 5, channels), dtype=np.uint8)
    pictures = [np.asarray(Image.fromarray(one.squeeze()).resize((width, height), Image.Resampling.BILINEAR)) for one in noise]
    return np.stack(pictures).reshape(rows, height, width, channels)


@pytest.mark.parametrize("pixels", [11, 64, 97])
def test_as_pillow_does(pixels: int) -> None:
    pictures = _smooth(3, 61, 83)
    expected = [np.asarray(Image.fromarray(one).resize((pixels, pixels), Image.Resampling.BICUBIC)) for one in pictures]
    difference = resized_to_square(pictures, pixels).astype(int) - np.stack(expected)
    assert np.abs(difference).max() <= 1
    assert np.abs(difference).mean() < 0.2


def test_a_batch_equals_its_rows() -> None:
    pictures = _smooth(4, 29, 31)
    np.testing.assert_array_equal(
        resized_to_square(pictures, 17), np.concatenate([resized_to_square(one[None], 17) for one in pictures])
    )


def test_pictures_of_the_right_side_are_not_copied() -> None:
    pictures = _smooth(2, 13, 13)
    assert resized_to_square(pictures, 13) is pictures


def test_gray_arrays_become_three_equal_channels() -> None:
    images = ArrayImages(_smooth(3, 9, 9, channels=1), "gray", np.arange(3))
    found = images.squares(np.array([2, 0]), 23)
    assert found.shape == (2, 23, 23, 3)
    assert (found == found[..., :1]).all()


def test_files_and_arrays_give_the_same(tmp_path) -> None:
    pictures = _smooth(3, 37, 41)
    paths = []
    for index, picture in enumerate(pictures):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(picture).save(paths[-1])
    rows = np.array([1, 1, 0])
    expected = ArrayImages(pictures, "noise", np.arange(3)).squares(rows, 19)
    np.testing.assert_array_equal(FileImages(tuple(paths)).squares(rows, 19), expected)


def test_no_rows_give_an_empty_batch() -> None:
    images = ArrayImages(_smooth(3, 9, 9), "noise", np.arange(3))
    assert images.squares(np.array([], np.int64), 5).shape == (0, 5, 5, 3)
