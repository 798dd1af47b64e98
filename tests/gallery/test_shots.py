from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.core.errors import DataError, PlanError
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.data.task import Task
from headstart.gallery.shots import shots_curve

CLASSES = ("zero", "one", "two", "three")


def task(counts: tuple[int, ...] = (9, 13, 8, 7), embedded: bool = False) -> Task:
    digits = load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == label)[:count] for label, count in enumerate(counts)])
    pixels = (digits.images[rows][..., None] * (255 / 16)).astype(np.uint8)
    images = Embeddings(digits.data[rows], "made", rows) if embedded else ArrayImages(pixels, "digits", rows)
    labels = digits.target[rows].astype(np.int64)
    return Task("digits", CLASSES, ImageSet(images, CLASSES, labels, rows), native_pixels=0 if embedded else 8)


@pytest.mark.slow
def test_more_images_are_better_and_what_is_not_there_is_left_out() -> None:
    curve = shots_curve(task(), "pixels", ways=3, num_episodes=20)
    assert [point.shots for point in curve.points] == [1, 2, 3]
    one, _, three = curve.points
    assert 0.5 < one.accuracy.value < three.accuracy.value
    assert all(point.low <= point.accuracy.value <= point.high for point in curve.points)
    assert curve == shots_curve(task(), "pixels", ways=3, num_episodes=20)
    assert curve.sentence == (
        f"With 3 images a class, {100 * three.accuracy.value:.1f} % of the images of 3 classes are named right; it is "
        f"{100 * three.low:.0f} to {100 * three.high:.0f} % in nine galleries of ten, depending on which images are enrolled."
    )


@pytest.mark.slow
def test_copies_of_a_picture_are_no_other_pictures() -> None:
    once = task()
    rows = np.repeat(np.arange(len(once.train)), 2)
    twice = replace(once, train=once.train.take(rows))
    assert (
        shots_curve(twice, "pixels", ways=3, num_episodes=20).points
        == shots_curve(once, "pixels", ways=3, num_episodes=20).points
    )


def test_more_ways_than_classes_is_one_sentence() -> None:
    for ways, shots, num in ((5, (1,), 4), (4, (3, 4), 3)):
        with pytest.raises(DataError) as caught:
            shots_curve(task(), "pixels", ways=ways, shots=shots)
        assert str(caught.value) == (
            f"{ways} ways were asked, and digits has {num} classes with {min(shots)} + 5 images for support and query. "
            "Ask for fewer ways, or give more images."
        )


def test_zero_shots_and_one_way_are_one_sentence() -> None:
    for ways, shots in ((1, (1,)), (3, (0, 2)), (3, ())):
        with pytest.raises(PlanError) as caught:
            shots_curve(task(), "pixels", ways=ways, shots=shots)
        assert (
            str(caught.value) == f"ways = {ways} and shots = {list(shots)} were asked; take at least 2 ways, and 1 shot or more."
        )


def test_feature_vectors_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        shots_curve(task(embedded=True), "pixels")
    assert str(caught.value) == "digits holds feature vectors, and a gallery takes pictures. Name a set of pictures."
