from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.checks.class_imbalance import class_imbalance
from headstart.checks.class_in_one_group import class_in_one_group
from headstart.checks.few_labels import few_labels
from headstart.checks.gray_images import gray_images
from headstart.checks.inspection import inspect
from headstart.checks.small_test import small_test
from headstart.checks.split_drift import split_drift
from headstart.checks.tiny_images import tiny_images
from headstart.core.findings import Finding, NotApplicable
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task

CLASSES = ("a", "b", "c")


def part(*counts: int, sealed: bool = False) -> ImageSet:
    labels = np.repeat(np.arange(3), counts)
    rows = np.arange(len(labels))
    return ImageSet(Embeddings(rows[:, None].astype(np.float32), "set", rows), CLASSES, labels, rows, sealed=sealed)


def task_of(*counts: int, **changes: object) -> Task:
    return replace(Task("set", CLASSES, part(*counts)), **changes)


def test_imbalance_is_noted_from_three_times_on_and_warned_of_from_ten():
    assert class_imbalance(task_of(29, 11, 10)) is None
    noted = class_imbalance(task_of(30, 11, 10))
    assert (noted.severity, noted.evidence["ratio"]) == ("info", 3.0)
    assert noted.title == '"a" has 3.0 times the training images of "c" (30 against 10).'
    assert noted.evidence["counts"] == {"a": 30, "b": 11, "c": 10}
    assert noted.evidence["majority_share"] == pytest.approx(30 / 51, abs=1e-4)
    assert class_imbalance(task_of(3, 31, 7)).severity == "warning"


def test_few_labels_names_the_poor_classes():
    assert few_labels(task_of(10, 11, 12)) is None
    noted = few_labels(task_of(9, 11, 5))
    assert noted.severity == "info"
    assert noted.title == "2 of 3 classes have fewer than 10 training images; the smallest has 5."
    assert noted.evidence == {"counts": {"a": 9, "c": 5}, "least": 5}
    assert few_labels(task_of(4, 11, 12)).severity == "warning"


@pytest.mark.parametrize(("pixels", "noted"), [(0, False), (1, True), (63, True), (64, False)])
def test_tiny_images_are_those_under_64_pixels(pixels, noted):
    assert isinstance(tiny_images(task_of(5, 5, 5, native_pixels=pixels)), Finding) == noted


@pytest.mark.parametrize(("channels", "pixels", "noted"), [(1, 8, True), (3, 8, False), (1, 0, False)])
def test_gray_images_are_pictures_of_one_channel(channels, pixels, noted):
    assert isinstance(gray_images(task_of(5, 5, 5, channels=channels, native_pixels=pixels)), Finding) == noted


def test_small_test_states_the_margin_without_opening_the_set():
    assert isinstance(small_test(task_of(5, 5, 5)), NotApplicable)
    assert small_test(task_of(5, 5, 5, test=part(40, 40, 20, sealed=True))) is None
    noted = small_test(task_of(5, 5, 5, test=part(10, 8, 7, sealed=True)))
    assert noted.title == "There are only 25 test images: an accuracy near one half is known to within 0.20 either way."
    assert noted.evidence == {"num_images": 25, "margin": 0.196}


def test_drift_is_large_and_not_chance():
    assert isinstance(split_drift(task_of(50, 50, 50)), NotApplicable)
    assert split_drift(task_of(50, 50, 50, validation=part(20, 21, 19))) is None
    assert split_drift(task_of(5, 5, 5, validation=part(3, 1, 1))) is None
    noted = split_drift(task_of(50, 50, 50, validation=part(60, 20, 20)))
    assert noted.title == 'Train and validation differ in their classes: "a" is 0.33 of one and 0.60 of the other.'
    assert noted.evidence["distance"] == pytest.approx(0.6 - 1 / 3, abs=1e-4)


def test_drift_bears_a_class_that_both_splits_lack():
    assert split_drift(task_of(50, 50, 0, validation=part(60, 10, 0))) is not None


@pytest.mark.slow
def test_inspection_puts_the_worst_first():
    own = (Finding(code="x", severity="info", title="X."), Finding(code="y", severity="error", title="Y."))
    found = inspect(task_of(31, 11, 3, findings=own))
    assert [finding.code for finding in found] == ["y", "class-imbalance", "few-labels", "x"]


def test_a_class_of_one_group_is_noted_and_one_label_is_not():
    task = task_of(4, 5, 1)
    assert class_in_one_group(task) is None
    grouped = replace(task, train=replace(task.train, groups=np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 3])))
    noted = class_in_one_group(grouped)
    assert (noted.code, noted.severity) == ("class-in-one-group", "warning")
    assert noted.title == 'All labeled images of these classes are of one group each (1 of 3): "a".'
    assert noted.evidence == {"classes": ["a"], "images": 4}
    assert isinstance(class_in_one_group(replace(grouped, validation=part(1, 1, 1))), NotApplicable)
