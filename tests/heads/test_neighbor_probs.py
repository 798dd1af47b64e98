"""Votes of the nearest rows of other groups."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.heads.neighbor_probs import NUM_NEIGHBORS, neighbor_probs


def clusters(num=67, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    return unit_rows((np.eye(3, 7)[labels] + 0.05 * generator.normal(size=(num, 7))).astype(np.float32)), labels


def test_rows_are_of_the_class_of_their_neighbors():
    rows, labels = clusters()
    probs = neighbor_probs(rows, labels, np.arange(67), 3)
    assert (probs.argmax(axis=1) == labels).all()
    assert probs.sum(axis=1) == pytest.approx(1.0)
    assert probs.min() > 0


def test_a_row_does_not_vote_on_its_own_group():
    rows, labels = clusters()
    labels[0] = 2
    before = neighbor_probs(rows, labels, np.arange(67), 3)
    assert before[0].argmax() == 0
    one_group = neighbor_probs(rows, labels, np.zeros(67, np.int64), 3)
    counts = np.bincount(labels, minlength=3) + 1
    assert one_group == pytest.approx(np.tile(counts / counts.sum(), (67, 1)))


def test_fewer_rows_than_neighbors_all_vote():
    rows, labels = clusters(num=5)
    assert len(rows) < NUM_NEIGHBORS
    assert np.isfinite(neighbor_probs(rows, labels, np.arange(5), 3)).all()
