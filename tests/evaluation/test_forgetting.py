from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.evaluation.forgetting import Forgetting, forgetting


class Told:
    """A model that is right about these pictures and wrong about all others."""

    def __init__(self, right: set[int]) -> None:
        self.right = right

    def predict(self, images: ImageSet) -> Predictions:
        said = np.array(
            [
                label if row in self.right else 1 - label
                for row, label in zip(images.groups.tolist(), images.labels.tolist(), strict=True)
            ]
        )
        probs = np.where(np.eye(2)[said] > 0, 0.9, 0.1)
        names = tuple(images.images.name(row) for row in range(len(images)))
        return Predictions(names, images.classes, images.labels, probs, probs, images.groups)


@pytest.fixture
def source() -> ImageSet:
    labels = (np.arange(19) % 3 == 0).astype(np.int64)
    pixels = np.zeros((19, 8, 8, 3), np.uint8)
    return ImageSet(ArrayImages(pixels, "source", np.arange(19)), ("old", "older"), labels, np.arange(19))


@pytest.fixture
def told() -> Callable[[int, int], Told]:
    return lambda first, last: Told(set(range(first, last)))


def test_what_was_lost_is_the_fall_of_accuracy(source: ImageSet, told: Callable) -> None:
    found = forgetting(told(0, 14), told(0, 5), "birds", source)
    assert found.source == "birds"
    assert found.num_images == 19
    assert found.before.value == pytest.approx(14 / 19)
    assert found.after.value == pytest.approx(5 / 19)
    assert found.lost.value == pytest.approx(9 / 19)
    assert found.lost.low < 9 / 19 < found.lost.high
    assert found.before.low < 14 / 19 < found.before.high


def test_pictures_are_paired(source: ImageSet, told: Callable) -> None:
    nested, crossed = forgetting(told(0, 10), told(0, 8), "birds", source), forgetting(told(0, 10), told(11, 19), "birds", source)
    assert nested.lost.value == pytest.approx(crossed.lost.value) == pytest.approx(2 / 19)
    assert nested.lost.high - nested.lost.low < 0.6 * (crossed.lost.high - crossed.lost.low)


def test_unlabeled_images_do_not_count_and_sealed_ones_are_opened(source: ImageSet, told: Callable) -> None:
    labels = source.labels.copy()
    labels[:4] = UNLABELED
    part = replace(source, hidden_labels=labels, sealed=True)
    found = forgetting(told(0, 14), told(0, 14), "birds", part)
    assert (found.num_images, found.before.value) == (15, pytest.approx(10 / 15))
    assert part.sealed


def forgot(before: float, after: float) -> Forgetting:
    lost = before - after
    return Forgetting(
        source="birds",
        num_images=1234,
        before=Estimate(value=before, low=0, high=1),
        after=Estimate(value=after, low=0, high=1),
        lost=Estimate(value=lost, low=lost - 0.01, high=lost + 0.02),
    )


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (0.9, 0.85, "fell by 5.0 points, from 90.0% to 85.0% (95%: -7.0 to -4.0; 1,234 images)."),
        (0.5, 0.75, "rose by 25.0 points, from 50.0% to 75.0% (95%: +23.0 to +26.0; 1,234 images)."),
        (0.5, 0.5, "is the same, 50.0% (95%: -2.0 to +1.0; 1,234 images)."),
    ],
)
def test_the_sentence_says_which_way_it_went(before: float, after: float, sentence: str) -> None:
    assert forgot(before, after).sentence == f"Accuracy on birds {sentence}"


def test_images_without_labels_are_refused(source: ImageSet, told: Callable) -> None:
    with pytest.raises(DataError) as error:
        forgetting(told(0, 1), told(0, 1), "birds", replace(source, hidden_labels=np.full(19, UNLABELED)))
    assert str(error.value) == "None of the 19 images of birds has a label. Give labeled images."
