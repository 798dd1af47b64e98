"""Input sides: small pictures are not enlarged more than helps."""

import numpy as np
import pytest

from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.pretrained import Pretrained
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task


def task_of(native):
    pixels = np.zeros((1, 2, 2, 1), np.uint8)
    images = ArrayImages(pixels, "made", np.arange(1))
    return Task("made", ("a",), ImageSet(images, ("a",), np.zeros(1, np.int64), np.arange(1)), native_pixels=native)


@pytest.mark.parametrize(("native", "side"), [(8, 96), (32, 96), (33, 160), (64, 160), (65, 240), (300, 240), (0, 240)])
def test_side_follows_the_native_side(native, side):
    assert (
        input_pixels_for(Pretrained(name="net", provider="timm", architecture="net", input_pixels=240), task_of(native)) == side
    )


@pytest.mark.parametrize(
    ("own", "smallest", "side"), [(224, 224, 224), (64, 32, 64), (299, 110, 110)], ids=["fixed", "small", "tall"]
)
def test_side_respects_what_the_network_takes(own, smallest, side):
    card = Pretrained(name="net", provider="timm", architecture="net", input_pixels=own, smallest_pixels=smallest)
    assert input_pixels_for(card, task_of(28)) == side


@pytest.mark.parametrize(
    ("provider", "native", "side"),
    [("pixels", 8, 8), ("pixels", 300, 18), ("small_cnn", 28, 18), ("embeddings", 0, 18), ("own_runs", 8, 18)],
)
def test_networks_without_a_side_to_choose(provider, native, side):
    card = Pretrained(name="net", provider=provider, architecture="net", input_pixels=18, smallest_pixels=1)
    assert input_pixels_for(card, task_of(native)) == side
