"""What is noteworthy about a target and its sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.checks import CHECKS
from headstart.checks.class_sets_differ import class_sets_differ
from headstart.checks.constant_features import constant_features
from headstart.checks.domain_sizes import domain_sizes
from headstart.checks.few_target_images import few_target_images
from headstart.core.findings import Finding, NotApplicable
from headstart.data.additions import all_of
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.data.task import Task

CLASSES = ("a", "b", "c")


def vectors(labels, domain="", seed=0) -> ImageSet:
    labels = np.asarray(labels, np.int64)
    features = np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    rows = np.arange(len(labels))
    return ImageSet(Embeddings(features, domain, rows), CLASSES, labels, rows, (domain,) * len(labels) if domain else ())


def task_of(train, *sources, unlabeled=0) -> Task:
    hidden = vectors([-1] * unlabeled, seed=9) if unlabeled else None
    return Task("here", CLASSES, vectors(train), unlabeled=hidden, source=all_of(sources, CLASSES) if sources else None)


def with_columns(images: ImageSet, *columns: int) -> ImageSet:
    features = images.images.features.copy()
    features[:, list(columns)] = 0.5
    return replace(images, images=replace(images.images, features=features))


@pytest.mark.parametrize("name", CHECKS.names())
def test_no_check_needs_a_labeled_target_row(name):
    check = CHECKS.get(name)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    rows = np.arange(9)
    pictures = ImageSet(ArrayImages(pixels, "set", rows), CLASSES, rows % 3, rows, ("x",) * 9)
    hidden = replace(pictures, hidden_labels=np.full(9, -1))
    seen = Task("here", CLASSES, pictures.take([]), unlabeled=hidden, source=pictures, native_pixels=8)
    for task in (task_of([], vectors([0, 1, 2] * 3, "x"), unlabeled=7), seen):
        finding = check(task)
        assert not isinstance(finding, Finding) or finding.code in {"gray-images", "tiny-images"}


def test_fewer_target_images_than_classes_are_reported():
    source = vectors([0, 1, 2] * 3, "x")
    assert few_target_images(task_of([0], source, unlabeled=2)) is None
    found = few_target_images(task_of([0], source, unlabeled=1))
    assert found.title == "The target has fewer images than classes (2 and 3), so that some classes are not seen there."
    assert isinstance(few_target_images(task_of([0])), NotApplicable)


def test_domains_of_wildly_different_sizes_are_reported():
    large, small = vectors([0, 1] * 50, "large"), vectors([0, 1] * 3, "small")
    assert domain_sizes(task_of([0, 1, 2] * 3, large, small)) is None
    found = domain_sizes(task_of([0, 1], large, small, unlabeled=2))
    assert found.title == '"large" has 25 times the images of "here" (100 against 4).'
    assert found.evidence == {"ratio": 25.0, "counts": {"large": 100, "small": 6, "here": 4}}
    assert found.severity == "info"
    assert domain_sizes(task_of([], vectors([0, 1] * 200, "large"), unlabeled=2)).severity == "warning"
    assert isinstance(domain_sizes(task_of([0] * 100)), NotApplicable)


def test_classes_of_one_side_only_are_counted():
    found = class_sets_differ(task_of([0, 1, 1], vectors([1, 2, 2], "x")))
    assert found.title == "Of 3 classes, 1 are shown by sources alone and 1 by labeled target images alone."
    assert found.evidence == {"only_source": ["c"], "only_target": ["a"]}
    assert class_sets_differ(task_of([0, 1, 2], vectors([1, 2, 0], "x"))) is None
    assert class_sets_differ(task_of([], vectors([1, 2, 2], "x"), unlabeled=3)).reason == "no target image has a label"


def test_features_that_never_change_are_reported_by_domain():
    task = task_of([0, 1, 2, 0], vectors([0, 1, 2], "x"), unlabeled=5)
    assert constant_features(task) is None
    source = with_columns(vectors([0, 1, 2], "x"), 1, 2)
    found = constant_features(replace(task, source=source))
    assert found.severity == "warning"
    assert found.title == "Features that are the same in all rows (2 of 4, 2 of them in some domains only) say nothing."
    assert found.evidence == {"features": 4, "constant": {"here": 0, "x": 2}}
    same = Task("here", CLASSES, with_columns(vectors([0, 1, 2]), 3))
    assert constant_features(same).title == "Features that are the same in all rows (1 of 4) say nothing."
    assert constant_features(same).severity == "info"
    assert constant_features(Task("here", CLASSES, with_columns(vectors([0, 1, 2]), 0, 1, 2, 3))).severity == "error"
