"""The first model: which candidate it is, and that it is the head that ridge gives, judged by leaving each group out."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.backbones.catalog import card_of
from headstart.core.estimate import Estimate
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.data.task import Task
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.planning import first_model
from headstart.planning.cross_validation import fit_rows
from headstart.planning.deciding.closed_forms import head_of
from headstart.planning.first_model import first_candidate, fit_first
from headstart.planning.results import FirstModel

CLASSES = ("cat", "dog")


def vectors(num_rows: int, seed: int = 0, groups: np.ndarray | None = None, labels: np.ndarray | None = None) -> ImageSet:
    rng = np.random.default_rng(seed)
    labels = np.arange(num_rows) % 2 if labels is None else labels
    features = (rng.normal(size=(num_rows, 7)) + 1.2 * labels[:, None]).astype(np.float32)
    groups = np.arange(num_rows) if groups is None else groups
    return ImageSet(Embeddings(features, "vectors", np.arange(num_rows)), CLASSES, labels, groups)


def task_of(train: ImageSet, **parts) -> Task:
    return Task("vectors", CLASSES, train, place="vectors.npz", **parts)


def pictures(num_rows: int) -> Task:
    pixels = np.random.default_rng(1).integers(0, 255, (num_rows, 8, 8, 3)).astype(np.uint8)
    images = ArrayImages(pixels, "pictures", np.arange(num_rows))
    labels = np.arange(num_rows) % 2
    return Task("pictures", CLASSES, ImageSet(images, CLASSES, labels, np.arange(num_rows)), native_pixels=8)


def test_the_cheapest_network_comes_first():
    cards = [card_of(name) for name in ("efficientnet_lite2", "efficientnet_lite0", "pixels", "efficientnet_lite1")]
    candidate = first_candidate(pictures(11), cards)
    assert candidate.name == "ridge on stages+pixels of efficientnet_lite0 at 96 pixels"
    assert (candidate.max_rows, candidate.weights) == (None, "pretrained")


def test_of_many_rows_some_are_taken(monkeypatch):
    monkeypatch.setattr(first_model, "MOST_ROWS", 23)
    candidate = first_candidate(task_of(vectors(29)), [])
    assert candidate.max_rows == 23
    _, first = fit_first(task_of(vectors(29)), candidate)
    assert first.num_rows == 23


def test_the_engine_is_chosen_for_all_rows(monkeypatch):
    asked = []
    monkeypatch.setattr(first_model, "engine_name_of", lambda images, backbone: asked.append(len(images)))
    candidate = first_candidate(task_of(vectors(23)), []).model_copy(
        update={"pretrained": "pixels", "input_pixels": 8, "max_rows": 7}
    )
    _, first = fit_first(pictures(23), candidate)
    assert (asked, first.num_rows) == ([23], 7)


def test_it_is_the_model_that_a_fit_of_the_candidate_gives():
    task = task_of(vectors(41))
    candidate = first_candidate(task, [])
    assert (candidate.pretrained, candidate.method) == ("embeddings", head_of("ridge", "penultimate"))
    model, first = fit_first(task, candidate)
    wanted = fit_rows(task, np.arange(41), candidate, model.backbone, None)
    assert model.temperature == wanted.temperature
    assert np.array_equal(model.head.weight, wanted.head.weight)
    assert model.novelty_detector is not None
    assert first.recipe == candidate.recipe


def test_rows_of_a_group_are_left_out_together():
    groups = np.repeat(np.arange(20), 3)
    train = vectors(60, groups=groups, labels=np.repeat(np.arange(20) % 2, 3))
    _, first = fit_first(task_of(train), first_candidate(task_of(train), []))
    right = 0
    features = train.images.vectors()
    centered = features - features.mean(axis=0).astype(np.float32)
    unit = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    fit = fit_ridge(unit, train.labels, 2, groups=groups)
    for group in range(20):
        rest = groups != group
        alone = _ridge(unit[rest], train.labels[rest], fit.penalty)
        scores = unit[~rest] @ alone[0] + alone[1]
        right += int((scores.argmax(axis=1) == train.labels[~rest]).sum())
    assert first.accuracy.value == pytest.approx(right / 60)


def _ridge(rows: np.ndarray, labels: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    targets = 2.0 * np.eye(2)[labels] - 1.0
    mean, target_mean = rows.mean(axis=0), targets.mean(axis=0)
    gram = (rows - mean).T @ (rows - mean) + penalty * np.eye(rows.shape[1])
    weight = np.linalg.solve(gram, (rows - mean).T @ (targets - target_mean))
    return weight, target_mean - mean @ weight


def test_where_only_the_source_has_labels_it_is_the_model_of_the_source():
    task = task_of(vectors(0), source=vectors(31, seed=4), unlabeled=vectors(17, seed=5).without_labels())
    model, first = fit_first(task, first_candidate(task, []))
    assert (first.num_rows, first.accuracy, model.novelty_detector) == (31, None, None)


def test_without_two_classes_there_is_none():
    assert first_candidate(task_of(vectors(9, labels=np.zeros(9, np.int64))), []) is None


def test_one_label_a_class_tests_nothing():
    task = task_of(vectors(2))
    _, first = fit_first(task, first_candidate(task, []))
    assert first.accuracy is None


def test_the_sentence():
    about = {"pretrained": "p", "input_pixels": 9, "method": {"kind": "ridge"}, "name": "ridge on p", "num_rows": 1132}
    first = FirstModel(**about, accuracy=Estimate(value=0.7194, low=0.6921, high=0.7449), seconds=9.4)
    assert first.sentence == "First model after 9 s: ridge on p, 71.9% [69.2%, 74.5%] leave-one-out on 1,132 images."
    untested = FirstModel(**about, accuracy=None)
    assert untested.sentence == "First model after 0 s: ridge on p, untested on 1,132 images."
