from __future__ import annotations

import numpy as np
import pytest

from headstart.core.types import UNLABELED
from headstart.data.channel_statistics import MOST_ROWS, channel_statistics
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.transforms import Transform


def images_of(pixels: np.ndarray) -> ImageSet:
    count = len(pixels)
    return ImageSet(ArrayImages(pixels, "noise", np.arange(count)), (), np.full(count, UNLABELED), np.arange(count))


def test_by_hand() -> None:
    pixels = np.zeros((2, 2, 2, 3), np.uint8)
    pixels[0, ..., 0], pixels[..., 1], pixels[1, 0, 0, 2] = 255, 51, 255
    mean, std = channel_statistics(images_of(pixels), Transform(pixels=2))
    assert mean == (0.5, 0.2, 0.125)
    assert std == (0.5, 0.01, pytest.approx((0.125 * 0.875) ** 0.5, abs=1e-4))


def test_of_many_pictures_a_random_part_is_used_and_the_seed_decides_which() -> None:
    draw = np.random.default_rng(1)
    pixels = (draw.normal(120, 25, (MOST_ROWS + 501, 1, 1, 3)) + np.linspace(-60, 60, MOST_ROWS + 501)[:, None, None, None]).clip(
        0, 255
    )
    images = images_of(pixels.astype(np.uint8))
    found = [channel_statistics(images, Transform(pixels=1), seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    whole = pixels.astype(np.uint8).reshape(-1, 3) / 255
    np.testing.assert_allclose(found[0][0], whole.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found[0][1], whole.std(axis=0), atol=0.01)
