from __future__ import annotations

import numpy as np
import pytest

from headstart.novelty.rejection_threshold import rejection_thresholds

BACKGROUND = np.linspace(0.0, 0.4, 41)
NOT_FAIR = np.zeros(6, bool)
NO_PAIRS = np.empty(0)


def similarities(num_classes: int, own: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Six images; the nearest other class of the i-th is the next one, at similarity (i + 1) / 10."""
    labels = np.arange(6) % num_classes
    found = np.zeros((6, num_classes))
    for row, label in enumerate(labels):
        found[row, label] = own
        found[row, (label + 1) % num_classes] = (row + 1) / 10
    return found, labels


def test_with_one_class_the_background_decides() -> None:
    found = rejection_thresholds(np.full((2, 1), 0.8), np.zeros(2, np.int64), np.ones(2, bool), BACKGROUND, NO_PAIRS)
    np.testing.assert_allclose(found, [0.38])


def test_a_threshold_is_the_nearest_unknown_image_clipped_to_the_middle_of_all() -> None:
    found, labels = similarities(6)
    nearest = np.array([0.6, 0.1, 0.2, 0.3, 0.4, 0.5])
    low, high = np.quantile(np.arange(1, 7) / 10, (0.5, 0.75))
    np.testing.assert_allclose(rejection_thresholds(found, labels, NOT_FAIR, BACKGROUND, NO_PAIRS), np.clip(nearest, low, high))
    assert 0.4 in nearest[(nearest > low) & (nearest < high)]


def test_with_two_classes_the_background_has_to_stay_below_as_well() -> None:
    found, labels = similarities(2)
    np.testing.assert_allclose(rejection_thresholds(found, labels, NOT_FAIR, BACKGROUND, NO_PAIRS), [0.475, 0.475])
    np.testing.assert_allclose(rejection_thresholds(found / 10, labels, NOT_FAIR, BACKGROUND, NO_PAIRS), [0.38, 0.38])


def test_with_many_classes_the_background_is_not_used() -> None:
    found, labels = similarities(5)
    assert rejection_thresholds(found / 10, labels, NOT_FAIR, BACKGROUND, NO_PAIRS).max() < 0.05


def test_images_that_can_be_left_out_move_it_halfway() -> None:
    found, labels = similarities(5)
    alone = rejection_thresholds(found, labels, NOT_FAIR, BACKGROUND, NO_PAIRS)
    np.testing.assert_allclose(rejection_thresholds(found, labels, np.ones(6, bool), BACKGROUND, NO_PAIRS), (alone + 0.9) / 2)
    np.testing.assert_array_equal(rejection_thresholds(found, labels, np.arange(6) < 4, BACKGROUND, NO_PAIRS), alone)


def test_a_background_of_the_enrolled_kind_does_not_reject_what_is_enrolled() -> None:
    near = np.full(41, 0.99)
    labels, fair = np.zeros(6, np.int64), np.ones(6, bool)
    found = np.linspace(0.5, 1.0, 6)[:, None]
    np.testing.assert_allclose(rejection_thresholds(found, labels, fair, near, NO_PAIRS), [np.quantile(found, 0.25)])
    two, labels = similarities(2, own=0.8)
    np.testing.assert_allclose(rejection_thresholds(two, labels, fair, near, NO_PAIRS), [0.8, 0.8])
    np.testing.assert_allclose(rejection_thresholds(two, labels, NOT_FAIR, near, NO_PAIRS), [0.99, 0.99])


def test_a_source_says_how_similar_images_of_a_class_are_where_each_class_has_one() -> None:
    found, labels = similarities(5)
    alone = rejection_thresholds(found, labels, NOT_FAIR, BACKGROUND, NO_PAIRS)
    within_class = np.linspace(0, 0.8, 5)
    assert rejection_thresholds(found, labels, NOT_FAIR, BACKGROUND, within_class) == pytest.approx((alone + 0.2) / 2)
    assert rejection_thresholds(found, labels, np.ones(6, bool), BACKGROUND, within_class) == pytest.approx((alone + 0.9) / 2)
