from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_data import smooth

from headstart.core.errors import DataError
from headstart.data import task as task_module
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.joined import concatenate
from headstart.data.summary import TaskSummary
from headstart.data.task import Task

CLASSES = ("a", "b", "c")


def part(start: int, stop: int, *, sealed: bool = False, domain: str = "") -> ImageSet:
    rows = np.arange(start, stop)
    images = ArrayImages(smooth(stop - start, 9, seed=start), "set", rows)
    return ImageSet(images, CLASSES, rows % 3, rows, (domain,) * len(rows) if domain else (), sealed)


TASK = Task("set", CLASSES, part(0, 17), test=part(40, 47, sealed=True), place="here", native_pixels=9)
WITH_VALIDATION = replace(TASK, validation=part(20, 31))


def test_without_validation_five_folds_of_train_decide():
    assert len(TASK.folds) == 5
    assert TASK.labeled is TASK.train
    assert np.array_equal(np.sort(np.concatenate([fold.held_out for fold in TASK.folds])), np.arange(17))


def test_with_validation_it_is_the_one_fold():
    (fold,) = WITH_VALIDATION.folds
    assert (fold.fit.tolist(), fold.held_out.tolist()) == (list(range(17)), list(range(17, 28)))
    held = WITH_VALIDATION.labeled.take(fold.held_out)
    assert held.content_keys == WITH_VALIDATION.validation.content_keys


def test_many_rows_have_one_fold(monkeypatch):
    monkeypatch.setattr(task_module, "HOLDOUT_ROWS", 17)
    assert len(replace(TASK).folds) == 1


def test_a_sub_task_has_those_rows_and_no_test():
    sub = WITH_VALIDATION.restricted_to(np.array([18, 2, 3]))
    assert sub.train.groups.tolist() == [21, 2, 3]
    assert (sub.validation, sub.test) == (None, None)


def test_concatenation_keeps_order_and_seals():
    both = concatenate(part(0, 3, domain="x"), part(40, 42, sealed=True, domain="y"))
    assert both.groups.tolist() == [0, 1, 2, 40, 41]
    assert both.domains == ("x", "x", "x", "y", "y")
    assert concatenate(part(0, 3, domain="x"), part(5, 6)).domains == ()
    with pytest.raises(DataError, match=r"^Test labels are sealed"):
        _ = both.labels


def test_fingerprint_follows_every_part_and_the_seed():
    variants = [TASK, WITH_VALIDATION, replace(TASK, seed=1), replace(TASK, test=None), replace(TASK, unlabeled=part(50, 53))]
    assert len({task.fingerprint for task in variants}) == len(variants)
    assert replace(TASK).fingerprint == TASK.fingerprint


def test_summary_counts_rows_and_survives_json():
    summary = WITH_VALIDATION.summary()
    assert (summary.train_counts, summary.num_validation, summary.num_test) == ((6, 6, 5), 11, 7)
    assert TaskSummary.from_json(summary.to_json()) == summary
