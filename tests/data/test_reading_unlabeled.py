"""Rows without labels: given ones, and the pool that a label budget leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from raw_sets import PICTURES, codes, names_in, raw_datasets, raw_of, task_of
from small_data import write_classes

from headstart.core.errors import DataError, PlanError
from headstart.data.reading import read_task


def test_rows_without_label_are_unlabeled_unless_held_out(monkeypatch):
    labels = ["a", "b"] * 8 + [None] * 4
    task = task_of(monkeypatch, raw_of(labels, splits=["train"] * 12 + ["test"] * 4 + ["unlabeled", "train", "test", "test"]))
    assert names_in(task.unlabeled) == {"set[16]", "set[17]"}
    assert task.unlabeled.labels.tolist() == [-1, -1]
    assert names_in(task.test) == {f"set[{row}]" for row in range(12, 16)}
    assert "unlabeled-test-images" in codes(task)


def test_labels_of_the_unlabeled_folder_are_masked(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 10, splits=[""] * 16 + ["unlabeled"] * 4))
    assert task.unlabeled.hidden_labels.tolist() == [-1] * 4


def test_per_class_leaves_the_rest_to_the_test_set(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 20), per_class=5)
    assert task.train.class_counts.tolist() == [5, 5]
    assert len(task.test) == 30


def test_per_class_drops_the_rest_where_a_test_split_is_given(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 20, splits=["train"] * 30 + ["test"] * 10), per_class=5)
    assert task.train.class_counts.tolist() == [5, 5]
    assert names_in(task.test) == {f"set[{row}]" for row in range(30, 40)}


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(raw_datasets(), st.integers(0, 3), st.sampled_from([1, 2, 3]))
def test_a_pool_holds_what_is_neither_labeled_nor_tested_and_no_copy_of_either(raw, seed, per_class):
    with pytest.MonkeyPatch.context() as patch:
        try:
            whole = task_of(patch, raw, seed, test=None if "test" in raw.splits else 0.2)
            task = task_of(patch, raw, seed, per_class, pool=True)
        except DataError:
            return
    assert names_in(task.test) == names_in(whole.test)
    assert names_in(task.train) <= names_in(whole.train)
    assert task.train.class_counts.tolist() == np.minimum(whole.train.class_counts, per_class).tolist()
    assert not names_in(task.unlabeled) & (names_in(task.train) | names_in(task.test) | names_in(task.validation))
    lost = (names_in(whole.train) | names_in(whole.unlabeled)) - names_in(task.train) - names_in(task.unlabeled)
    if task.unlabeled is not None:
        assert (task.unlabeled.hidden_labels == -1).all()
        keys = set(task.unlabeled.content_keys)
        held = [part for part in (task.train, task.validation, task.test) if part is not None]
        assert not any(keys & set(part.content_keys) for part in held)
    noted = [finding.evidence for finding in task.findings if finding.code == "unlabeled-copies"]
    assert sum(one["in_test"] + one["labeled"] for one in noted) >= len(lost)


def test_one_label_a_class_leaves_a_pool_and_the_whole_test_set(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b", "c"] * 15), per_class=1, pool=True)
    assert task.train.class_counts.tolist() == [1, 1, 1]
    assert (len(task.test), len(task.unlabeled)) == (9, 33)
    assert len(names_in(task.train) | names_in(task.test) | names_in(task.unlabeled)) == 45
    assert task.folds == ()
    assert task_of(monkeypatch, raw_of(["a", "b", "c"] * 15), per_class=1).unlabeled is None


def test_a_pool_beside_a_given_test_split_and_given_unlabeled_rows(monkeypatch):
    splits = ["train"] * 20 + ["test"] * 6 + ["unlabeled"] * 4
    task = task_of(monkeypatch, raw_of(["a", "b"] * 13 + [None] * 4, splits=splits), per_class=3, pool=True)
    assert names_in(task.test) == {f"set[{row}]" for row in range(20, 26)}
    assert len(task.train) == 6
    assert names_in(task.unlabeled) == {f"set[{row}]" for row in (*range(20), *range(26, 30))} - names_in(task.train)


def test_more_labels_a_class_than_there_are_leave_no_pool(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 10), per_class=50, pool=True)
    assert task.unlabeled is None
    assert len(task.train) + len(task.test) == 20


def test_unlabeled_copies_of_labeled_and_tested_pictures_are_used_once_and_reported(monkeypatch):
    """Rows 30 and 31 repeat a training picture, row 32 a test picture, row 33 is new."""
    splits = ["train"] * 20 + ["test"] * 10 + ["unlabeled"] * 4
    pixels = PICTURES[[*range(30), 0, 0, 25, 40]]
    task = task_of(monkeypatch, raw_of(["a", "b"] * 15 + [None] * 4, splits=splits, pixels=pixels))
    assert names_in(task.unlabeled) == {"set[33]"}
    assert names_in(task.train) == {f"set[{row}]" for row in range(20)}
    copies = next(finding for finding in task.findings if finding.code == "unlabeled-copies")
    assert copies.severity == "info"
    assert copies.title == "Unlabeled images that are copies of labeled ones (2) or belong to test images (1) are left out."
    assert copies.evidence == {"in_test": 1, "labeled": 2, "paths": ["set[30]", "set[31]", "set[32]"]}
    assert "duplicate-across-splits" not in codes(task)


def test_copies_of_test_images_without_a_label_are_no_images_to_learn_from(monkeypatch):
    """Row 8 repeats a test picture and has no label, row 9 does and has one."""
    pixels = PICTURES[:16].copy()
    pixels[8], pixels[9] = pixels[12], pixels[13]
    labels = [*"abababab", None, *"ababaab"]
    task = task_of(monkeypatch, raw_of(labels, splits=["train"] * 10 + ["test"] * 6, pixels=pixels))
    assert (names_in(task.train), task.unlabeled) == ({f"set[{row}]" for row in range(8)}, None)
    noted = {finding.code: finding.evidence.get("paths") for finding in task.findings}
    assert (noted["duplicate-across-splits"], noted["unlabeled-copies"]) == (["set[9]"], ["set[8]"])


def test_a_pool_of_copies_alone_is_no_pool(monkeypatch):
    pixels = PICTURES[[*range(12), 0, 1]]
    task = task_of(monkeypatch, raw_of(["a", "b"] * 6 + [None] * 2, splits=["train"] * 12 + ["unlabeled"] * 2, pixels=pixels))
    assert task.unlabeled is None
    assert {"unlabeled-copies", "duplicate-across-splits"} & set(codes(task))


def test_unlabeled_rows_of_a_tested_group_are_left_out(monkeypatch):
    groups = [f"g{row // 2}" for row in range(40)]
    task = task_of(monkeypatch, raw_of(["a", None, "b", None] * 10, groups=groups), test=0.2)
    held = {int(name[4:-1]) // 2 for name in names_in(task.test)}
    assert held
    assert not held & {int(name[4:-1]) // 2 for name in names_in(task.unlabeled)}


def test_an_empty_folder_of_unlabeled_pictures_is_reported(tmp_path):
    write_classes(tmp_path, {"a": 6, "b": 6})
    (tmp_path / "unlabeled").mkdir()
    task = read_task(tmp_path)
    assert task.unlabeled is None
    assert task.classes == ("a", "b")
    assert codes(task).count("empty-unlabeled") == 1


def test_a_pool_without_per_class_is_refused():
    with pytest.raises(PlanError) as error:
        read_task("digits", pool=True)
    assert str(error.value) == "pool takes the labels off all training images but per_class of each class. Set per_class, too."


def test_per_class_of_none_is_refused():
    with pytest.raises(PlanError) as error:
        read_task("digits", per_class=0)
    assert str(error.value) == "per_class = 0: at least 1 labeled image a class is needed. Raise it."
