from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment

from headstart.core.errors import DataError
from headstart.shift import dataset_distance as module
from headstart.shift.dataset_distance import class_distances, dataset_distance

RNG = np.random.default_rng(11)
SOURCE, TARGET = RNG.normal(size=(17, 3)), RNG.normal(size=(17, 3)) * 2.0 + 1.0
SOURCE_LABELS, TARGET_LABELS = np.array([0] * 5 + [2] * 11 + [5]), np.array([1] * 10 + [4] * 7)


def gaussian_distance(one, two):
    first, second = np.cov(one.T), np.cov(two.T)
    root = sqrtm(first)
    return ((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(first + second - 2 * np.real(sqrtm(root @ second @ root)))


def test_distances_of_classes_are_those_of_gaussians():
    found = class_distances(SOURCE, SOURCE_LABELS, TARGET, TARGET_LABELS)
    assert found.shape == (3, 2)
    assert found[1, 0] == pytest.approx(gaussian_distance(SOURCE[5:16], TARGET[:10]), rel=1e-6)
    alone = ((SOURCE[16] - TARGET[10:].mean(0)) ** 2).sum() + np.trace(np.cov(TARGET[10:].T))
    assert found[2, 1] == pytest.approx(alone, rel=1e-6)
    assert np.allclose(np.diag(class_distances(SOURCE, SOURCE_LABELS, SOURCE, SOURCE_LABELS)), 0, atol=1e-9)


def test_the_distance_is_that_of_the_best_assignment():
    between = class_distances(SOURCE, SOURCE_LABELS, TARGET, TARGET_LABELS)
    cost = ((SOURCE[:, None] - TARGET[None]) ** 2).sum(axis=2)
    cost += between[np.repeat([0, 1, 2], [5, 11, 1])][:, np.repeat([0, 1], [10, 7])]
    expected = np.sqrt(cost[linear_sum_assignment(cost)].mean())
    assert dataset_distance(SOURCE, SOURCE_LABELS, TARGET, TARGET_LABELS, 0) == pytest.approx(expected, rel=1e-9)


def test_a_data_set_is_at_no_distance_from_itself_and_permuted_labels_raise_it():
    rows, labels = np.concatenate([SOURCE, SOURCE + 8.0]), np.repeat([0, 1], 17)
    assert dataset_distance(rows, labels, rows[::-1], 1 - labels[::-1], 0) == pytest.approx(0, abs=1e-4)
    assert dataset_distance(rows, labels, rows, RNG.permutation(labels), 0) > 3.0


def test_many_rows_are_compared_in_blocks(monkeypatch):
    rows, labels = RNG.normal(size=(113, 2)) + 5 * np.eye(2)[np.arange(113) % 2], np.arange(113) % 2
    shifted = rows + np.array([3.0, 0.0])
    whole = dataset_distance(rows, labels, shifted, labels, 0)
    monkeypatch.setattr(module, "MOST_ROWS", 29)
    blocks = dataset_distance(rows, labels, shifted, labels, 0)
    assert whole == pytest.approx(np.sqrt(18), rel=0.05)
    assert whole < blocks < 1.4 * whole
    assert dataset_distance(rows, labels, shifted[:5], labels[:5], 0) > 0


def test_no_rows_are_one_sentence():
    with pytest.raises(DataError) as error:
        dataset_distance(SOURCE, SOURCE_LABELS, TARGET[:0], TARGET_LABELS[:0], 0)
    assert str(error.value) == "A distance of data sets needs rows on both sides, and these have 17 and 0."
