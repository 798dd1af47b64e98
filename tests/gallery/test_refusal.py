from __future__ import annotations

import numpy as np
import pytest

from headstart.gallery.refusal import threshold_of

STRANGERS = np.linspace(0.0, 0.4, 41)
NONE = np.zeros(6, bool)
NOBODY = np.empty(0)


def similarities(num_classes: int, own: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Six images; the nearest other class of the i-th has similarity (i + 1) / 10."""
    labels = np.arange(6) % num_classes
    found = np.zeros((6, num_classes))
    for row, label in enumerate(labels):
        found[row, label] = own
        found[row, (label + 1) % num_classes] = (row + 1) / 10
    return found, labels


def test_with_one_class_the_background_decides() -> None:
    found = threshold_of(np.full((2, 1), 0.8), np.zeros(2, np.int64), np.ones(2, bool), STRANGERS, NOBODY)
    assert found == pytest.approx(0.38)


def test_with_two_classes_the_larger_of_both_counts() -> None:
    found, labels = similarities(2)
    assert threshold_of(found, labels, NONE, STRANGERS, NOBODY) == pytest.approx(np.quantile(np.arange(1, 7) / 10, 0.75))
    assert threshold_of(found / 10, labels, NONE, STRANGERS, NOBODY) == pytest.approx(0.38)


def test_with_many_classes_the_background_is_not_asked() -> None:
    found, labels = similarities(5)
    assert threshold_of(found / 10, labels, NONE, STRANGERS, NOBODY) == pytest.approx(np.quantile(np.arange(1, 7) / 100, 0.75))


def test_images_that_can_be_left_out_move_it_halfway() -> None:
    found, labels = similarities(5)
    alone = threshold_of(found, labels, NONE, STRANGERS, NOBODY)
    assert threshold_of(found, labels, np.ones(6, bool), STRANGERS, NOBODY) == pytest.approx((alone + 0.9) / 2)
    assert threshold_of(found, labels, np.arange(6) < 4, STRANGERS, NOBODY) == alone


def test_a_source_says_how_similar_images_of_a_class_are_where_each_class_has_one() -> None:
    found, labels = similarities(5)
    alone = threshold_of(found, labels, NONE, STRANGERS, NOBODY)
    relatives = np.linspace(0, 0.8, 5)
    assert threshold_of(found, labels, NONE, STRANGERS, relatives) == pytest.approx((alone + 0.2) / 2)
    assert threshold_of(found, labels, np.ones(6, bool), STRANGERS, relatives) == pytest.approx((alone + 0.9) / 2)
