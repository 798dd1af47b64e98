"""Every check: silent or a well-formed finding, on any task, without opening the test set."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from headstart.checks import CHECKS
from headstart.core.findings import Finding, NotApplicable
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task

each_check = pytest.mark.parametrize("name", CHECKS.names())


@pytest.fixture
def embedded_task() -> Task:
    random = np.random.default_rng(0)
    rows = np.arange(23)
    images = Embeddings(random.normal(size=(23, 7)).astype(np.float32), "vectors", rows)
    return Task("vectors", ("a", "b"), ImageSet(images, ("a", "b"), rows % 2, rows), place="vectors.npz")


def findings_on(name: str, task: Task) -> list[Finding]:
    result = CHECKS.get(name)(task)
    return [result] if isinstance(result, Finding) else []


@each_check
def test_a_check_runs_on_pictures_on_vectors_and_without_a_test_set(name, tiny_task, embedded_task):
    for task in (tiny_task, embedded_task, replace(tiny_task, test=None)):
        for finding in findings_on(name, task):
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", finding.code)
            assert finding.title.endswith(".")
            assert finding.advice == "" or finding.advice.endswith(".")
            assert Finding.from_json(finding.to_json()) == finding


@each_check
def test_a_check_does_not_read_hidden_labels(name, tiny_task):
    hidden = (tiny_task.test.hidden_labels + 1) % 3
    lied = replace(tiny_task, test=replace(tiny_task.test, hidden_labels=hidden))
    assert findings_on(name, tiny_task) == findings_on(name, lied)


@each_check
def test_a_check_is_documented(name):
    assert CHECKS.get(name).__doc__


def test_checks_that_do_not_apply_say_why(tiny_task, embedded_task):
    def reasons(task):
        return {name: check(task).reason for name, check in CHECKS.all().items() if isinstance(check(task), NotApplicable)}

    assert reasons(embedded_task) == {
        "class_sets_differ": "there is no source",
        "domain_sizes": "there is no source",
        "few_target_images": "there is no source",
        "format_predicts_class": "there are no training images in files",
        "gray_images": "the rows are feature vectors",
        "pool_differs": "there are no unlabeled images next to labeled ones",
        "small_test": "there is no test set",
        "split_drift": "there is no validation set next to training images",
        "tiny_images": "the rows are feature vectors",
    }
    assert reasons(tiny_task)["constant_features"] == "the rows are pictures"
