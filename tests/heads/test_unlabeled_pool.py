"""Pools: labeled rows first, a projection fitted to all rows, and temperatures from labels that were really hidden."""

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.features.feature_set import FeatureSet
from headstart.heads import unlabeled_pool as module
from headstart.heads.temperature import fit_temperature
from headstart.heads.unlabeled_pool import UnlabeledPool, unlabeled_pool

WIDTHS = (7, 11)


def features_of_rows(num: int, seed: int = 0) -> FeatureSet:
    random = np.random.default_rng(seed)
    stages = tuple((random.normal(size=(num, width)) + 2).astype(np.float32) for width in WIDTHS)
    return FeatureSet(stages, random.random((num, 5)).astype(np.float32), None, ("early", "late"))


def pool(labels: list[int], groups: list[int] | None = None) -> UnlabeledPool:
    known = np.array(labels, np.int64)
    own = np.arange(len(known)) if groups is None else np.array(groups, np.int64)
    return UnlabeledPool.of(features_of_rows(len(known)), known, own, 3, "stages+pixels", seed=0)


def test_labeled_rows_are_those_with_a_label():
    assert pool([0, -1, 2, 1, -1]).labeled.tolist() == [0, 2, 3]


def test_axes_are_taken_from_rows_without_label_too(monkeypatch):
    monkeypatch.setattr(module, "NUM_AXES", 3)
    features = features_of_rows(30)
    labels = np.full(30, -1, np.int64)
    labels[:4] = [0, 1, 0, 1]
    first = UnlabeledPool.of(features, labels, np.arange(30), 2, "stages", 0)
    moved = features_of_rows(30)
    moved.stages[0][10:, 2] *= 50.0
    second = UnlabeledPool.of(moved, labels, np.arange(30), 2, "stages", 0)
    assert first.rows.shape == (30, 3)
    assert not np.allclose(np.abs(first.projection.axes), np.abs(second.projection.axes), atol=0.05)


def test_all_axes_keep_the_representation_s_cosines_and_directions_have_unit_length():
    made = pool([0, 1, 2, 0, 1, -1, -1, -1])
    whole = np.asarray(made.projection.representation.rows(made.features), np.float64)
    np.testing.assert_allclose(made.rows @ made.rows.T, whole @ whole.T, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(made.directions, axis=1), 1, rtol=1e-5)


def test_left_out_labels_and_those_of_their_groups_are_hidden_and_each_row_is_scored_once():
    labels = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, -1, -1]
    groups = [0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]
    made, scored = pool(labels, groups), []

    def scores_of(hidden, rows):
        assert (hidden[rows] == -1).all()
        assert not set(made.groups[rows]) & set(made.groups[hidden >= 0])
        others = np.setdiff1d(made.labeled, rows)
        np.testing.assert_array_equal(hidden[others], made.labels[others])
        scored.extend(rows.tolist())
        return np.zeros((len(rows), 3))

    made.temperature(scores_of)
    assert sorted(scored) == list(range(11))
    assert made.labels.tolist() == labels


def test_temperature_is_fitted_to_the_held_out_scores():
    made = pool([0, 0, 0, 1, 1, 1, 2, 2, 2, -1])
    known = np.random.default_rng(0).normal(size=(10, 3)) + 2 * np.eye(3)[made.labels]
    expected = fit_temperature(known[:9], made.labels[:9])
    assert made.temperature(lambda labels, rows: known[rows]) == pytest.approx(expected, rel=1e-4)


def test_with_one_label_a_class_nothing_can_be_hidden():
    made = pool([0, 1, 2, -1, -1])
    assert made.temperature(lambda labels, rows: pytest.fail("a label was hidden"), otherwise=0.7) == 0.7
    assert made.temperature(lambda labels, rows: pytest.fail("a label was hidden")) == 1.0


def task_of(num_labeled: int, num_free: int) -> Task:
    vectors = np.random.default_rng(3).normal(size=(num_labeled + num_free, 5)).astype(np.float32)
    rows = np.arange(len(vectors))
    labels = np.where(rows < num_labeled, rows % 2, -1)
    every = ImageSet(Embeddings(vectors, "made", rows), ("a", "b"), labels, rows + 100)
    return Task("made", ("a", "b"), every.take(rows[:num_labeled]), unlabeled=every.take(rows[num_labeled:]))


def test_training_rows_come_before_unlabeled_ones():
    task = task_of(5, 8)
    made = unlabeled_pool(task, load_backbone("embeddings"), "stages", seed=4)
    assert made.labels.tolist() == [0, 1, 0, 1, 0] + [-1] * 8
    assert made.groups.tolist() == list(range(100, 113))
    np.testing.assert_array_equal(made.features.penultimate[:5], task.train.images.vectors())
    assert (made.num_classes, made.seed) == (2, 4)


@pytest.mark.parametrize("left", [None, 0])
def test_no_unlabeled_rows_is_a_sentence(left):
    task = task_of(5, 8)
    task = replace(task, unlabeled=None if left is None else task.unlabeled.take([]))
    with pytest.raises(DataError) as error:
        unlabeled_pool(task, load_backbone("embeddings"), "stages", seed=0)
    assert str(error.value) == "made has no unlabeled images to pool. Add a folder unlabeled/, or choose ridge."
