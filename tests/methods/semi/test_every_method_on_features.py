"""The six methods on features: what all of them promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rows_made import CLASSES, COUNTS, features_made, labels_of, pool_made

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.folds import Fold
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.heads import neighbor_graph as graph_module
from headstart.heads import unlabeled_pool as pool_module
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods import method_from
from headstart.training.settings import Training

pytestmark = pytest.mark.slow

KINDS = ("label_mean", "label_propagation", "label_spreading", "laplacian_shot", "self_training", "tim")

each_method = pytest.mark.parametrize("kind", KINDS)
probabilities = lambda scores: np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)  # noqa: E731


def task_made(per_class: int = 4) -> Task:
    features, truth = features_made()
    rows = np.arange(len(truth))
    names = ("a", "b", "c", "never")
    every = ImageSet(Embeddings(features.penultimate, "made", rows), names, truth, rows)
    chosen = np.flatnonzero(labels_of(truth, per_class) >= 0)
    others = np.setdiff1d(rows, chosen)
    free, held = every.take(others[::2]), every.take(others[1::2])
    hidden = replace(free, hidden_labels=np.full(len(free), -1, np.int64))
    return Task("made", names, every.take(chosen), test=replace(held, sealed=True), unlabeled=hidden)


@each_method
def test_most_unlabeled_rows_get_their_class(kind):
    pool, truth = pool_made()
    head, _ = method_from({"kind": kind}).head_of(pool)
    free = pool.labels == -1
    assert (head.scores(pool.features).argmax(axis=1) == truth)[free].mean() > 0.85


@each_method
def test_new_rows_get_their_class(kind):
    pool, _ = pool_made()
    head, _ = method_from({"kind": kind}).head_of(pool)
    features, truth = features_made(seed=11)
    assert (head.scores(features).argmax(axis=1) == truth).mean() > 0.8


@each_method
@pytest.mark.parametrize("per_class", [1, 4])
def test_a_class_without_labels_is_never_predicted(kind, per_class):
    pool, _ = pool_made(per_class)
    head, temperature = method_from({"kind": kind}).head_of(pool)
    scores = head.scores(pool.features)
    assert np.isfinite(scores).all()
    assert 0 < temperature < 1000
    assert scores.shape == (sum(COUNTS), CLASSES)
    assert (scores.argmax(axis=1) != CLASSES - 1).all()


@each_method
def test_classes_of_one_label_beside_classes_of_more(kind):
    pool, truth = pool_made(4)
    labels = pool.labels.copy()
    labels[np.flatnonzero(labels == 2)[1:]] = -1
    head, _ = method_from({"kind": kind}).head_of(replace(pool, labels=labels))
    assert (head.scores(pool.features).argmax(axis=1) == truth).mean() > 0.7


@each_method
def test_a_held_label_does_not_leak_into_its_own_score(kind, monkeypatch):
    """The row's label, and that of its group, is changed: what folds that hold it out say must stay the same, bit by bit."""
    pool, _ = pool_made(4)
    mate = int(pool.labeled[5])
    row = int(np.flatnonzero((pool.labels == pool.labels[mate]) & (np.arange(len(pool.labels)) != mate))[0])
    groups = pool.groups.copy()
    groups[mate] = groups[row]
    places = {int(at): place for place, at in enumerate(pool.labeled)}
    held = np.array([places[row], places[mate], 0 if places[row] else 1])
    folds = (Fold(np.setdiff1d(np.arange(12), held), held), Fold(held, np.setdiff1d(np.arange(12), held)))
    monkeypatch.setattr(pool_module, "inner_folds", lambda *_: folds)
    seen = []
    monkeypatch.setattr(pool_module, "fit_temperature", lambda scores, labels: seen.append(scores[: len(held)]) or 1.0)
    method, lied = method_from({"kind": kind}), pool.labels.copy()
    lied[[row, mate]] = (lied[row] + 1) % 3
    method.head_of(replace(pool, groups=groups))
    method.head_of(replace(pool, groups=groups, labels=lied))
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not np.allclose(seen[0], seen[0][0])


@each_method
def test_labels_do_matter_to_the_rows_beside_them(kind):
    pool, _ = pool_made(4)
    first, _ = method_from({"kind": kind}).head_of(pool)
    lied = np.where(pool.labels == -1, -1, (pool.labels + 1) % 3)
    second, _ = method_from({"kind": kind}).head_of(replace(pool, labels=lied))
    one, other = (head.scores(pool.features).argmax(axis=1) for head in (first, second))
    assert (other == (one + 1) % 3).mean() > 0.9


@each_method
def test_renaming_the_classes_renames_the_answers(kind):
    pool, _ = pool_made(3)
    names = np.array([2, 0, 1, 3, -1])
    first, temperature = method_from({"kind": kind}).head_of(replace(pool, groups=pool.groups))
    second, other = method_from({"kind": kind}).head_of(replace(pool, labels=names[pool.labels]))
    renamed = second.scores(pool.features)[:, names[:3]]
    np.testing.assert_allclose(probabilities(renamed), probabilities(first.scores(pool.features)[:, :3]), atol=2e-3)
    assert other == pytest.approx(temperature, rel=0.5)


@each_method
def test_a_fitted_model_predicts_the_test_set(kind):
    task = task_made()
    model = method_from({"kind": kind}).fit(task, load_backbone("embeddings"), Training(seed=1))
    assert evaluate(model, task.test)[0].metrics["accuracy"].value > 0.7


@each_method
@pytest.mark.parametrize("left", [None, 0])
def test_without_unlabeled_rows_the_sentence_says_what_to_add(kind, left):
    task = task_made()
    task = replace(task, unlabeled=None if left is None else task.unlabeled.take([]))
    with pytest.raises(DataError) as error:
        method_from({"kind": kind}).fit(task, load_backbone("embeddings"), Training())
    assert str(error.value) == (
        f"{kind} needs unlabeled images, and made has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )


@each_method
def test_what_is_held_at_once_does_not_grow_with_the_pool(kind, monkeypatch):
    """Cosines come in blocks: ten times the rows in a block are never asked for."""
    monkeypatch.setattr(graph_module, "BLOCK_VALUES", 600)
    sizes = []
    original = np.argpartition

    def watched(values, *more, **named):
        sizes.append(values.size)
        return original(values, *more, **named)

    monkeypatch.setattr(graph_module.np, "argpartition", watched)
    pool, _ = pool_made()
    method_from({"kind": kind}).head_of(pool)[0].scores(pool.features)
    assert max(sizes, default=0) <= 600


def test_pools_of_the_methods_are_those_of_the_task(monkeypatch):
    seen = []
    original = UnlabeledPool.of

    def watched(features, labels, *more):
        seen.append(labels)
        return original(features, labels, *more)

    monkeypatch.setattr(pool_module.UnlabeledPool, "of", watched)
    task = task_made()
    method_from({"kind": "tim"}).fit(task, load_backbone("embeddings"), Training())
    assert seen[0].tolist() == task.train.labels.tolist() + [-1] * len(task.unlabeled)
