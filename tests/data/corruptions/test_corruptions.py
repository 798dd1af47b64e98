from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.data.corrupted import MOST_PIXELS, corrupted
from headstart.data.corruptions import CORRUPTIONS, all_corruptions
from headstart.data.corruptions.base import clouds, convolved
from headstart.data.images import ArrayImages, ImageSet

PAPER = {
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow", "frost",
    "fog", "brightness", "contrast", "elastic", "pixelate", "jpeg",
}  # fmt: skip


def picture(height: int = 67, width: int = 53) -> np.ndarray:
    """A colored picture with edges and smooth parts."""
    down, right = np.mgrid[0:height, 0:width]
    shape = ((down // 9 + right // 7) % 2)[..., None] * np.array([0.5, 0.3, 0.1]) + 0.2
    return (shape + 0.2 * np.sin(down / height)[..., None]).astype(np.float32)


def test_the_paper_s_fifteen_have_five_strengths_each():
    families = {name: one.family for name, one in all_corruptions().items()}
    assert {name for name, family in families.items() if family != "everyday"} == PAPER
    assert all(len(CORRUPTIONS.get(name).levels) == 5 for name in PAPER)
    assert list(families)[-1] == "rotation"  # everyday changes stand last


@pytest.mark.parametrize("name", CORRUPTIONS.names())
def test_a_corruption_changes_the_picture_and_the_strongest_the_most(name):
    corruption, clean = CORRUPTIONS.get(name)(), picture()
    before = clean.copy()
    made = [corruption.apply(clean, level, np.random.default_rng(0)) for level in corruption.levels]
    assert np.array_equal(clean, before)
    assert all(np.isfinite(one).all() and one.shape[2] == 3 for one in made)
    if name == "crop":
        assert made[-1].shape == (34, 26, 3)
        return
    changes = [float(np.abs(np.clip(one, 0, 1) - clean).mean()) for one in made]
    assert min(changes) > 0.0005
    first = 2 if name == "elastic" else 0  # whose first two levels move the picture as a whole
    assert len(changes) == 1 or changes[-1] > changes[first]


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 8)])
@pytest.mark.parametrize("name", CORRUPTIONS.names())
def test_tiny_pictures_are_corrupted_too(name, size):
    corruption = CORRUPTIONS.get(name)()
    for level in corruption.levels:
        assert np.isfinite(corruption.apply(picture(*size), level, np.random.default_rng(0))).all()


def test_a_convolution_keeps_the_mean_of_a_flat_picture_to_its_edges():
    kernel = np.random.default_rng(0).random((5, 3))
    assert convolved(np.full((11, 7, 3), 0.3), kernel / kernel.sum()) == pytest.approx(0.3)


def test_clouds_fall_off_faster_where_asked():
    rough, smooth = (clouds(64, 48, decay, np.random.default_rng(1)) for decay in (1.0, 3.0))
    assert (rough.min(), rough.max()) == (0.0, 1.0)
    assert np.abs(np.diff(smooth)).mean() < 0.3 * np.abs(np.diff(rough)).mean()


def image_set(side: int, count: int = 3) -> ImageSet:
    pixels = np.random.default_rng(2).integers(0, 255, (count, side, side + 5, 3)).astype(np.uint8)
    return ImageSet(ArrayImages(pixels, "set", np.arange(count)), ("a",), np.zeros(count, np.int64), np.arange(count))


def test_a_corrupted_picture_is_the_same_at_each_reading_and_has_a_key_of_its_own():
    clean = image_set(20)
    weak, strong = (corrupted(clean, "gaussian_noise", strength) for strength in (1, 5))
    read = np.asarray(weak.images.read(2))
    assert np.array_equal(read, np.asarray(weak.take([2]).images.read(0)))
    assert not np.array_equal(read, np.asarray(strong.images.read(2)))
    keys = {*clean.content_keys, *weak.content_keys, *strong.content_keys}
    assert len(keys) == 9
    assert weak.images.name(1) == clean.images.name(1)
    noise = [np.asarray(strong.images.read(row), float) - np.asarray(clean.images.read(row), float) for row in (0, 1)]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.3  # each picture has its own noise


def test_large_pictures_are_reduced_and_a_sealed_set_stays_sealed():
    large = corrupted(image_set(2 * MOST_PIXELS, 1), "mirror", 1)
    assert min(large.images.read(0).size) == MOST_PIXELS
    assert isinstance(large.images.read(0), Image.Image)
    assert not large.sealed
