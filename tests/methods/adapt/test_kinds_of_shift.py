"""Each kind of shift is undone by the methods that are made for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_domains import CLASSES, image_set, vector_task

from headstart.backbones.loading import load_backbone
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.training.settings import Training

PLACES = np.array([[0.0, 0.0], [1.6, 0.3], [0.3, 1.6]])


def rows(counts: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(3), counts))
    return PLACES[labels] + 0.7 * draw.normal(size=(len(labels), 2)), labels


def task_of(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> Task:
    """A task whose unlabeled rows are those that are judged."""

    def embedded(side: np.ndarray, name: str) -> Embeddings:
        return Embeddings(side.astype(np.float32), name, np.arange(len(side)))

    ours = image_set(embedded(source[0], "source"), source[1], "one")
    theirs = image_set(embedded(target[0], "target"), target[1])
    hidden = replace(theirs, hidden_labels=np.full(len(theirs), UNLABELED, np.int64))
    return Task("made", CLASSES, theirs.take([]), None, replace(theirs, sealed=True), hidden, ours)


def accuracy(kind: str, task: Task) -> float:
    model = method_from({"kind": kind}).fit(task, load_backbone("embeddings"), Training(seed=1))
    return evaluate(model, task.test)[0].metrics["accuracy"].value


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bbse", "mlls"])
def test_other_class_shares_are_corrected(kind):
    task = task_of(rows((101, 97, 103), 1), rows((13, 17, 271), 2))
    assert accuracy(kind, task) > accuracy("source_only", task) + 0.03


@pytest.mark.slow
def test_a_mirrored_domain_is_turned_back():
    pytest.importorskip("ot")
    task = vector_task(matrix=-np.eye(2), shift=np.zeros(2))
    assert accuracy("source_only", task) < 0.6
    assert accuracy("invariant_transport", task) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["share_matching", "pseudo_target", "shot_im"])
def test_rows_that_moved_a_little_across_boundaries_are_brought_back(kind):
    seen, labels = rows((97, 101, 103), 2)
    task = task_of(rows((101, 97, 103), 1), (seen + 0.6, labels))
    assert accuracy(kind, task) > accuracy("source_only", task) + 0.02
