"""The flip test: asked of held-out rows, and refused where a class is the mirror image of another."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.planning.deciding.flip_test import FlipTest, flip_test, num_flipped


def leaning(flipped_class: bool, num: int = 48) -> Task:
    """Bright spots: where classes are mirror images the side is the class, else the height is, and the side is chance."""
    draw = np.random.default_rng(7)
    labels = np.arange(num) % 2
    sides = labels if flipped_class else draw.integers(0, 2, num)
    heights = draw.integers(0, 2, num) if flipped_class else labels
    pixels = draw.integers(0, 160, (num, 8, 8, 3)).astype(np.uint8)
    for row in range(num):
        top, left = 1 + 4 * heights[row], 1 + 4 * sides[row]
        pixels[row, top : top + 2, left : left + 2] += 50
    images = ImageSet(ArrayImages(pixels, "spots", np.arange(num)), ("x", "y"), labels.astype(np.int64), np.arange(num))
    return Task("spots", ("x", "y"), images, native_pixels=8)


@pytest.fixture
def asked(make_candidate, tmp_path):
    def ask(task: Task) -> FlipTest:
        return flip_test(task, load_backbone("pixels", "none", 8), Steps(tmp_path / "steps"))

    return ask


def test_mirror_images_of_each_other_are_not_flipped(asked):
    found = asked(leaning(flipped_class=True))
    assert not found.helps
    assert found.log_loss_gain < 0
    assert str(found).endswith("training flips none.")


def test_where_the_side_is_chance_flipping_doubles_the_rows(asked):
    found = asked(leaning(flipped_class=False, num=120))
    assert found.helps
    assert found.standard_errors > 1.645
    assert found.accuracy_gain >= 0
    assert found.num_rows == 120
    assert "training flips half of them" in str(found)


def test_the_answer_is_found_again(asked, monkeypatch):
    first = asked(leaning(flipped_class=True))
    monkeypatch.setattr("headstart.planning.deciding.flip_test.ridge_head", None)
    assert asked(leaning(flipped_class=True)) == first


def test_as_many_pictures_are_flipped_as_the_account_says(tmp_path, monkeypatch):
    from headstart.planning.deciding import flip_test as module

    read = set()

    def noted(rows, backbone):
        read.update(rows.content_keys)
        return features_of(rows, backbone)

    monkeypatch.setattr(module, "MOST_ROWS", 10)
    monkeypatch.setattr(module, "features_of", noted)
    task = leaning(flipped_class=False)
    flip_test(task, load_backbone("pixels", "none", 8), Steps(tmp_path))
    assert num_flipped(task) == len(read - set(task.labeled.content_keys)) < len(task.labeled)
