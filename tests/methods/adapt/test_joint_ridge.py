from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.heads.ridge_leave_one_out import ridge_path
from headstart.methods.adapt.joint_ridge import JointRidge
from headstart.training.settings import Training


def rows(num: int, seed: int, domains: tuple[str, ...] = (), turned: bool = False) -> ImageSet:
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    features = (np.eye(3, 5)[(labels + turned) % 3] * 3 + rng.normal(size=(num, 5))).astype(np.float32)
    return ImageSet(Embeddings(features, "rows", np.arange(num)), ("a", "b", "c"), labels, np.arange(num) + 1000 * seed, domains)


@pytest.fixture
def task() -> Task:
    source = rows(37, 2, tuple("near" for _ in range(37)))
    return Task("made", ("a", "b", "c"), rows(11, 1), source=source)


def fitted(task: Task, **settings: object):
    backbone = load_backbone("embeddings", "none", 1)
    return JointRidge(blocks="penultimate", **settings).fit(task, backbone, Training())  # type: ignore[arg-type]


def test_the_head_is_weighted_ridge_on_both_domains(task: Task) -> None:
    model = fitted(task, source_weights={"near": 0.25})
    both = np.concatenate([part.images.vectors() for part in (task.train, task.source) if part])
    seen = np.asarray(model.head.representation.rows(_features(both)), float)  # type: ignore[attr-defined]
    labels = np.concatenate([task.train.labels, task.source.labels])  # type: ignore[union-attr]
    targets = 2.0 * np.eye(3)[labels] - 1
    weights = np.repeat([1.0, 0.25], [11, 37])
    path = ridge_path(seen, targets, None, weights)
    gaps = [np.abs(solution - model.head.weight).max() for solution in path.weights]  # type: ignore[attr-defined]
    assert min(gaps) < 1e-5


def _features(vectors: np.ndarray):
    from headstart.features.extract import features_of

    images = ImageSet(
        Embeddings(vectors, "both", np.arange(len(vectors))),
        ("a", "b", "c"),
        np.zeros(len(vectors), int),
        np.arange(len(vectors)),
    )
    return features_of(images, load_backbone("embeddings", "none", 1))


def test_a_source_that_says_the_opposite_counts_less_at_a_small_weight(task: Task) -> None:
    wrong = replace(task, source=rows(370, 3, tuple("far" for _ in range(370)), turned=True))
    test = rows(300, 9)
    heavy, light = (fitted(wrong, source_weights={"far": weight}).predict(test).correct.mean() for weight in (1.0, 1e-3))
    assert light > heavy + 0.3


def test_rows_that_name_no_domain_are_one_source(task: Task) -> None:
    unnamed = replace(task, source=replace(task.source, domains=()))  # type: ignore[type-var]
    found = fitted(unnamed, source_weights={"source": 0.25})
    np.testing.assert_array_equal(found.head.weight, fitted(task, source_weights={"near": 0.25}).head.weight)  # type: ignore[attr-defined]


def test_a_weight_for_no_source_is_refused(task: Task) -> None:
    with pytest.raises(DataError, match=r"^source_weights names nowhere, and the sources are near\. Name one of them\.$"):
        fitted(task, source_weights={"nowhere": 0.5})


def test_it_needs_target_labels(task: Task) -> None:
    bare = replace(task, train=task.train.take([]))
    with pytest.raises(DataError) as refusal:
        fitted(bare)
    text = "joint_ridge needs labeled target images, and made has none. Label some, or choose source_only."
    assert str(refusal.value) == text
