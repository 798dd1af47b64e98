"""Whether some target images show no class of the source, told without their labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.novelty.open_set import open_set_finding, two_groups

WIDTH = 24
CENTERS = np.random.default_rng(8).normal(size=(6, WIDTH)) * 1.3
CLASSES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("embeddings", "pretrained", 0, 0)


def image_set(labels, seed: int, moved: float = 0.0, hidden: bool = False) -> ImageSet:
    rows = CENTERS[labels] + np.random.default_rng(seed).normal(size=(len(labels), WIDTH)) + moved
    at = np.arange(len(labels)) + 1000 * seed
    images = Embeddings(rows.astype(np.float32), "set", at)
    return ImageSet(images, CLASSES, np.full(len(labels), -1) if hidden else labels, at)


def task_of(shown: int, num_target: int = 240, moved: float = 2.0) -> Task:
    """A source of four classes and a target that shows `shown` of them and others."""
    source = replace(image_set(np.arange(203) % 4, 1), domains=("source",) * 203)
    pool = image_set(np.arange(num_target) % shown, 2, moved, hidden=True)
    return Task("set", CLASSES, source.take(np.empty(0, np.int64)), unlabeled=pool, source=source)


def test_images_of_classes_that_the_source_lacks_are_noticed(backbone):
    found = open_set_finding(task_of(6), backbone)
    assert (found.code, found.severity) == ("unknown-classes-in-target", "warning")
    assert found.evidence["num_images"] == 240
    assert 0.1 < found.evidence["share"] < 0.5
    assert f"{found.evidence['share']:.1%}" in found.title


@pytest.mark.parametrize("shown", [2, 4])
def test_a_target_of_known_classes_or_some_of_them_is_not_suspected(backbone, shown):
    assert open_set_finding(task_of(shown), backbone) is None


def test_labels_of_the_target_are_not_read(backbone):
    task = task_of(6)
    lied = replace(task, unlabeled=replace(task.unlabeled, hidden_labels=np.zeros(240, np.int64)))
    assert open_set_finding(lied, backbone) == open_set_finding(task, backbone)


def test_nothing_is_said_of_few_images_or_without_a_source(backbone):
    assert open_set_finding(task_of(6, num_target=19), backbone) is None
    assert open_set_finding(replace(task_of(6), source=None), backbone) is None


def test_two_clear_groups_are_told_from_one():
    rng = np.random.default_rng(4)
    one = rng.normal(size=401)
    assert two_groups(one) < 0
    assert two_groups(np.concatenate([one, rng.normal(6.0, size=97)])) > 50
