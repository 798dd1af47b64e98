"""Images as people have them: what they become, and what is said where they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_data import samples, write_shard

from headstart.core.arguments import NotAcceptedError
from headstart.core.errors import DataError
from headstart.data.given_images import MixedImages, given_images, items_of, pictures_of, vectors_of
from headstart.data.images import ArrayImages, FileImages, ImageSet

HEIGHT, WIDTH = 5, 7


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path, pixels) -> Path:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def pictures(given) -> list[np.ndarray]:
    found = pictures_of(given_images(given))
    return [np.asarray(found.read(row)) for row in range(len(found))]


FORMS = {
    "a file": lambda pixels, path: path,
    "its name": lambda pixels, path: str(path),
    "its folder": lambda pixels, path: path.parent,
    "Pillow": lambda pixels, path: Image.fromarray(pixels),
    "Pillow, opened": lambda pixels, path: Image.open(path),
    "Pillow with alpha": lambda pixels, path: Image.fromarray(pixels).convert("RGBA"),
    "uint8": lambda pixels, path: pixels,
    "whole numbers": lambda pixels, path: pixels.astype(np.int64),
    "real numbers": lambda pixels, path: pixels / 255,
    "half precision": lambda pixels, path: torch.from_numpy(pixels / 255).permute(2, 0, 1),
    "a batch of one": lambda pixels, path: pixels[None],
    "a batch, channels first": lambda pixels, path: pixels[None].transpose(0, 3, 1, 2),
    "a batch with alpha": lambda pixels, path: np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], -1)[None],
    "a tensor": lambda pixels, path: torch.from_numpy(pixels).permute(2, 0, 1),
    "a tensor of many": lambda pixels, path: torch.from_numpy(pixels).permute(2, 0, 1)[None],
    "a generator": lambda pixels, path: (one for one in [path]),
    "an array of names": lambda pixels, path: np.array([str(path)]),
    "pictures": lambda pixels, path: FileImages((path,)),
    "a set": lambda pixels, path: ImageSet(FileImages((path,)), (), np.array([-1]), np.array([0])),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_picture_shows_the_same_pixels(form, pixels, path):
    (found,) = pictures(FORMS[form](pixels, path))
    assert np.array_equal(found, pixels)


def test_gray_pictures_are_repeated_over_the_channels(pixels):
    gray = pixels[..., 0]
    expected = np.repeat(gray[..., None], 3, axis=-1)
    many = np.stack([gray, gray])
    for given in (gray, gray[..., None], gray[None], torch.from_numpy(gray), torch.from_numpy(gray)[None]):
        assert np.array_equal(pictures(given)[0], expected)
    assert [np.array_equal(found, expected) for found in pictures(many)] == [True, True]


def test_a_list_of_everything_keeps_its_order_and_names(pixels, path):
    other = 255 - pixels
    given = [other, path, Image.fromarray(other), torch.from_numpy(other).permute(2, 0, 1)]
    found = pictures_of(given_images(given))
    assert [found.name(row) for row in range(4)] == ["images[0]", str(path), "images[2]", "images[3]"]
    assert [np.array_equal(one, pixels) for one in pictures(given)] == [False, True, False, False]
    taken = found.take(np.array([2, 1]))
    assert [taken.name(row) for row in range(2)] == ["images[2]", str(path)]
    assert found.content_key(0) == taken.content_key(0) != taken.content_key(1)


def test_a_shard_among_many_paths_keeps_their_order_and_counts_pictures_once(tmp_path, pixels, path):
    shard = write_shard(tmp_path / "a.tar", samples(0, 1))
    images = pictures_of(given_images([path, shard, Image.fromarray(pixels), np.stack([pixels, pixels]), *[path] * 1_500]))
    assert len(images) == 1_506
    names = [images.name(row) for row in range(7)]
    assert names == [str(path), f"{shard}/000.png", f"{shard}/001.png", "images[3]", "images[4]", "images[5]", str(path)]
    assert np.array_equal(np.asarray(images.read(1_505)), pixels)
    taken = images.take(np.array([5, 2]))
    assert [taken.name(row) for row in range(2)] == ["images[5]", f"{shard}/001.png"]


def test_many_pictures_in_an_array_stay_one(pixels):
    assert isinstance(pictures_of(given_images(np.stack([pixels, pixels]))), ArrayImages)
    assert isinstance(pictures_of(given_images([pixels, pixels])), MixedImages)
    assert len(items_of(given_images(np.stack([pixels, pixels])))) == 2


def test_a_pillow_image_stays_as_it_is_and_is_turned_upright(pixels):
    sideways = Image.fromarray(pixels)
    sideways.getexif()[0x0112] = 6
    (found,) = pictures(sideways)
    assert found.shape == (WIDTH, HEIGHT, 3)
    assert sideways.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            np.zeros((3, 8, 8), np.uint8),
            "images has the shape (3, 8, 8): one picture whose channels stand first, or 3 gray ones. Give "
            "[height, width, channel], or [sample, height, width, 1].",
        ),
        (
            np.zeros((2, 8, 8, 2), np.uint8),
            "images has the shape (2, 8, 8, 2), and no pictures have that. Give [height, width], [height, width, channel] or "
            "[sample, height, width, channel].",
        ),
        (
            [np.zeros((8, 8)), np.zeros(4)],
            "images[1] has the shape (4,), and no pictures have that. Give [height, width], [height, width, channel] or "
            "[sample, height, width, channel].",
        ),
        (
            np.full((8, 8, 3), -1.5),
            "images has values from -1.5 to -1.5, and those of float64 pixels go from 0 to 1. Give whole numbers from 0 to 255, "
            "or real ones from 0 to 1, not normalized.",
        ),
        (
            np.full((8, 8, 3), 256),
            "images has values from 256 to 256, and those of int64 pixels go from 0 to 255. Give whole numbers from 0 to 255, or "
            "real ones from 0 to 1, not normalized.",
        ),
    ],
)
def test_an_array_that_holds_no_pictures_is_told(given, sentence):
    with pytest.raises(DataError) as caught:
        pictures_of(given_images(given))
    assert str(caught.value) == sentence


def test_values_that_are_no_numbers_are_no_pixels():
    with pytest.raises(DataError, match=r"^images has values from nan to nan, "):
        pictures_of(given_images(np.full((8, 8, 3), np.nan)))


@pytest.mark.parametrize(
    ("given", "value", "place"), [(3, 3, ""), (None, None, ""), (b"x", b"x", ""), (["a.png", 3], 3, "[1]"), ([[1]], [1], "[0]")]
)
def test_what_is_no_image_is_refused_with_its_place(given, value, place):
    with pytest.raises(NotAcceptedError) as caught:
        given_images(given)
    assert (caught.value.value, caught.value.place) == (value, place)


def test_no_images_at_all_are_an_error():
    with pytest.raises(DataError, match=r"^No images: no file or folder is named\. Looked for"):
        pictures_of(given_images([]))


def test_feature_vectors_are_rows_of_arrays():
    rows = np.arange(6.0).reshape(2, 3)
    for given in (rows, torch.from_numpy(rows), [rows[0], rows[1]], [rows[:1], rows[1]]):
        found = vectors_of(given_images(given))
        assert np.array_equal(found.vectors(), rows)
        assert found.name(1) == "images[1]"
    assert len(vectors_of(given_images(rows[0]))) == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            np.zeros((2, 3, 4)),
            "images is an array of shape (2, 3, 4), and the model was fitted on feature vectors. "
            "Give an array [sample, feature].",
        ),
        (
            ["a.npz", np.zeros(3)],
            "images[0] is no array, and the model was fitted on feature vectors. Give an array [sample, feature].",
        ),
        (np.array([np.inf, 1.0]), "images holds values that are no finite numbers. Give a number for each feature."),
        ([np.zeros(3), np.zeros(4)], "The arrays in images have different numbers of features. Give vectors of one network."),
    ],
)
def test_what_is_no_feature_vector_is_told(given, sentence):
    with pytest.raises(DataError) as caught:
        vectors_of(given_images(given))
    assert str(caught.value) == sentence
