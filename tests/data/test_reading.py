"""From a place to a task."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from raw_sets import PICTURES, codes, names_in, raw_datasets, raw_of, refusal, task_of
from small_data import smooth, write_classes

from headstart.core.errors import DataError, PlanError
from headstart.data import reading
from headstart.data.class_names import natural_order
from headstart.data.images import Embeddings
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.reading import read_task


@settings(max_examples=60, deadline=None)
@given(raw_datasets(), st.integers(0, 3), st.sampled_from([(None, None), (None, 0.2), (None, 0.6), (2, None), (3, None)]))
def test_parts_are_disjoint_and_share_no_copy_and_no_group(raw, seed, sizes):
    per_class, test = sizes if "test" not in raw.splits else (sizes[0], None)
    with pytest.MonkeyPatch.context() as patch:
        try:
            task = task_of(patch, raw, seed, per_class, test=test)
        except DataError:
            return
    parts = [task.train, task.validation, task.test, task.unlabeled]
    names = [names_in(part) for part in parts]
    assert sum(map(len, names)) == len(set().union(*names))
    assert set().union(*names) <= {f"set[{row}]" for row in range(len(raw.labels))}
    for first, second in ((0, 1), (0, 2), (1, 2), (2, 3)):
        if parts[first] is not None and parts[second] is not None:
            assert not np.intersect1d(parts[first].groups, parts[second].groups).size
            assert not set(parts[first].content_keys) & set(parts[second].content_keys)
    assert (task.train.class_counts > 0).all()
    assert per_class is None or task.train.class_counts.max() <= per_class


def test_content_keys_handed_over_are_those_of_the_pictures(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 15), test=0.2)
    for part in (task.train, task.test):
        assert part.content_keys == tuple(part.images.content_key(row) for row in range(len(part)))


def test_split_is_decided_by_the_seed_alone(monkeypatch):
    raw = raw_of(["a", "b"] * 30)
    first, again, other = (task_of(monkeypatch, raw, seed, test=0.2) for seed in (5, 5, 6))
    assert names_in(first.test) == names_in(again.test) != names_in(other.test)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_split_does_not_depend_on_the_order_of_the_file_system(tmp_path, monkeypatch):
    root = write_classes(tmp_path / "data", {"cat": 11, "dog": 13})
    real = reading.reader_for(str(root)).read(str(root))
    order = np.random.default_rng(1).permutation(24)
    mixed = RawDataset(
        "data",
        real.images.take(order),
        tuple(real.labels[row] for row in order),
        *[("",) * 24] * 3,
    )
    first, second = (task_of(monkeypatch, rows, test=0.2) for rows in (mixed, replace(real, name="data")))
    assert names_in(first.test) == names_in(second.test) != set()


def test_a_test_set_that_is_asked_for_is_sealed_and_has_that_share_of_each_class(tmp_path):
    task = read_task(write_classes(tmp_path / "data", {"cat": 15, "dog": 20}), test=0.2)
    assert task.test.sealed
    assert not task.train.sealed
    assert np.bincount(task.test.opened_for_evaluation().labels).tolist() == [3, 4]
    assert (task.name, task.classes, task.native_pixels, task.channels) == ("data", ("cat", "dog"), 40, 3)


def test_without_a_test_split_few_labels_are_all_learned_from(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 30))
    assert (task.test, len(task.train), task.test_by_default) == (None, 60, False)
    assert codes(task) == []
    assert sorted(np.concatenate([fold.held_out for fold in task.folds]).tolist()) == list(range(60))


@pytest.mark.parametrize(("num_rows", "num_test"), [(4_999, 0), (5_000, 1_000), (20_000, 3_000)])
def test_of_many_labels_as_many_are_set_aside_as_one_fold_holds_out(monkeypatch, num_rows, num_test):
    vectors = Embeddings(np.random.default_rng(0).normal(size=(num_rows, 2)).astype(np.float32), "rows", np.arange(num_rows))
    raw = RawDataset("rows", vectors, ("a", "b") * (num_rows // 2) + ("a",) * (num_rows % 2), *[("",) * num_rows] * 3)
    task = task_of(monkeypatch, raw)
    assert (0 if task.test is None else len(task.test), task.test_by_default) == (num_test, num_test > 0)
    assert task_of(monkeypatch, raw, test=0).test is None
    asked = task_of(monkeypatch, raw, test=0.1)
    assert (len(asked.test), asked.test_by_default, asked.test_share) == (round(num_rows / 10), False, 0.1)


@pytest.mark.parametrize(
    ("options", "splits", "sentence"),
    [
        ({"test": 1.0}, (), "test = 1 is no share of the labeled images. Give 0 or more, and less than 1, such as 0.2."),
        ({"test": -0.1}, (), "test = -0.1 is no share of the labeled images. Give 0 or more, and less than 1, such as 0.2."),
        (
            {"test": 0.2, "per_class": 5},
            (),
            "test = 0.2 has no effect beside per_class = 5, which tests on all other images. Leave one out.",
        ),
        (
            {"test": 0.2},
            ("train",) * 16 + ("test",) * 4,
            "test = 0.2 has no effect: set has a test split of its own (4 images). Leave it out, or remove that split.",
        ),
    ],
)
def test_shares_of_the_test_that_mean_nothing_are_refused(monkeypatch, options, splits, sentence):
    with pytest.raises(PlanError) as error:
        task_of(monkeypatch, raw_of(["a", "b"] * 10, splits=splits), **options)
    assert str(error.value) == sentence


def test_copies_stay_on_one_side(monkeypatch):
    pixels = np.concatenate([PICTURES[:30], PICTURES[:30]])
    task = task_of(monkeypatch, raw_of(["a", "b"] * 30, pixels=pixels), test=0.2)
    assert not set(task.train.content_keys) & set(task.test.content_keys)
    found = next(finding for finding in task.findings if finding.code == "duplicate-images")
    assert found.title == (
        "Images that are copies or near copies of one another (60, in 30 groups) stay on one side of every split."
    )
    assert (found.evidence["images"], found.evidence["exact_copies"]) == (60, 30)


def test_unreadable_files_are_left_out_and_named(tmp_path):
    root = write_classes(tmp_path / "data", {"cat": 7, "dog": 7})
    (root / "cat" / "000.png").write_bytes(b"no picture")
    (root / "dog" / "broken.jpg").write_bytes(b"")
    task = read_task(root)
    found = next(finding for finding in task.findings if finding.code == "unreadable-images")
    assert found.title == "Images that cannot be read are left out (2 of 15)."
    assert found.evidence["paths"] == [str(root / "cat" / "000.png"), str(root / "dog" / "broken.jpg")]
    assert len(task.train) == 13


def test_same_picture_under_two_labels_is_left_out(monkeypatch):
    pixels = PICTURES[:20].copy()
    pixels[1] = pixels[0]
    task = task_of(monkeypatch, raw_of(["a", "b"] * 10, pixels=pixels))
    assert not {"set[0]", "set[1]"} & (names_in(task.train) | names_in(task.test))
    found = next(finding for finding in task.findings if finding.code == "contradictory-labels")
    assert found.title == "Images whose very same picture carries different labels are left out (2)."
    assert found.evidence == {"count": 2, "paths": ["set[0]", "set[1]"], "labels": [["a", "b"]]}


def test_training_copies_of_given_held_out_images_are_left_out(monkeypatch):
    splits = ["train"] * 10 + ["validation"] * 4 + ["test"] * 6
    pixels = PICTURES[:20].copy()
    pixels[0], pixels[3], pixels[12] = pixels[14], pixels[11], pixels[18]
    task = task_of(monkeypatch, raw_of(["a", "b"] * 10, splits=splits, pixels=pixels))
    left = {"set[0]", "set[3]", "set[12]"}
    assert names_in(task.train) == {f"set[{row}]" for row in range(10)} - left
    assert names_in(task.validation) == {f"set[{row}]" for row in range(10, 14)} - left
    assert len(task.test) == 6
    found = next(finding for finding in task.findings if finding.code == "duplicate-across-splits")
    assert (found.severity, found.evidence["in_test"], found.evidence["in_validation"]) == ("warning", 2, 1)


def test_given_groups_never_straddle(monkeypatch):
    groups = [f"patient {row // 3}" for row in range(60)]
    task = task_of(monkeypatch, raw_of(["a", "b"] * 30, groups=groups), test=0.2)
    assert len(task.test) >= 9
    for row in range(0, 60, 3):
        family = {f"set[{at}]" for at in range(row, row + 3)}
        assert family <= names_in(task.train) or family <= names_in(task.test)


def test_numbers_are_ordered_by_value():
    assert natural_order({"10", "2", "1"}) == ("1", "2", "10")
    assert natural_order({"b", "A", "c 10", "c 9", ""}) == ("", "A", "b", "c 9", "c 10")
    assert natural_order({"a", "A", "²", "3"}) == ("3", "A", "a", "²")


def test_tiny_class_is_left_out_where_two_remain(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 6 + ["lone"]))
    assert task.classes == ("a", "b")
    found = next(finding for finding in task.findings if finding.code == "tiny-class")
    assert found.title == 'Classes with fewer than 2 images to learn from are left out: "lone".'
    assert "set[12]" not in names_in(task.train) | names_in(task.test)


def test_what_cannot_be_learned_is_refused_in_one_sentence(monkeypatch):
    assert refusal(monkeypatch, raw_of(["a"] * 7)) == (
        'here: "a" is the only class. Add images until two classes have at least two each.'
    )
    assert refusal(monkeypatch, raw_of(["a", "b", "c", "c", "c"])) == (
        'here: "a", "b", "c" are the classes, and fewer than two of them have 2 images to learn from. '
        "Add images until two classes have at least two each."
    )
    assert refusal(monkeypatch, raw_of([None] * 7)) == (
        "here: no readable image has a label to learn from. Put images into one folder a class."
    )
    assert refusal(monkeypatch, raw_of(["a", "b", "a", "b", "c"], splits=["train"] * 4 + ["test"])) == (
        'here: test has images of "c", of which train has none. Add training images of it, or remove it from test.'
    )


def test_where_a_test_is_asked_for_too_few_images_go_on_without(monkeypatch):
    task = task_of(monkeypatch, raw_of(["a", "b"] * 3), test=0.2)
    assert task.test is None
    assert "no-test" in codes(task)
    mixed = task_of(monkeypatch, raw_of(["a", "b"] * 3 + ["a"] * 9), test=0.2)
    found = next(finding for finding in mixed.findings if finding.code == "class-without-test")
    assert found.title == 'Classes without a test image (1 of 2): "b".'


def test_blank_images_are_reported_and_kept(monkeypatch):
    pixels = PICTURES[:12].copy()
    pixels[5] = 255
    task = task_of(monkeypatch, raw_of(["a", "b"] * 6, pixels=pixels))
    found = next(finding for finding in task.findings if finding.code == "blank-images")
    assert found.evidence == {"count": 1, "paths": ["set[5]"]}
    assert "set[5]" in names_in(task.train) | names_in(task.test)


def test_feature_vectors_are_split_like_pictures(monkeypatch):
    features = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    features[21] = features[20]
    rows = raw_of(["a", "a", "b", "b"] * 10)
    task = task_of(monkeypatch, replace(rows, images=Embeddings(features, "vectors", np.arange(40))), test=0.2)
    assert (task.native_pixels, len(task.test)) == (0, 8)
    assert "blank-images" not in codes(task)
    assert not set(task.train.content_keys) & set(task.test.content_keys)


def test_an_absent_place_names_the_nearest_built_in_set(tmp_path):
    with pytest.raises(DataError) as error:
        reader_for("emojy")
    assert str(error.value) == (
        '"emojy" does not exist, and no built-in set has that name. Did you mean "emoji"? '
        "Give a folder, a file, or one of: digits, elpv, emoji, emoji-noto, emoji-twemoji, fashion-mnist, mnist."
    )
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r'link" is a link to something that is gone, and no built-in set'):
        reader_for(str(tmp_path / "link"))


def test_an_unknown_layout_lists_the_known_ones(tmp_path):
    file = tmp_path / "notes.docx"
    file.write_bytes(b"text")
    with pytest.raises(DataError, match=r"notes\.docx: no known layout of images\. Known: .*the name of a built-in set"):
        reader_for(str(file))


def test_a_folder_named_like_a_built_in_set_is_meant_by_its_path(tmp_path, monkeypatch):
    write_classes(tmp_path / "digits", {"cat": 5, "dog": 5})
    monkeypatch.chdir(tmp_path)
    assert read_task("./digits").classes == ("cat", "dog")


def test_a_class_gone_unreadable_is_no_class(tmp_path):
    root = write_classes(tmp_path / "data", {"cat": 6, "dog": 6, "owl": 2})
    shutil.rmtree(root / "owl")
    (root / "owl").mkdir()
    (root / "owl" / "a.png").write_bytes(b"\x89PNG")
    assert read_task(root).classes == ("cat", "dog")


def test_gray_pictures_make_a_gray_task(tmp_path):
    root = tmp_path / "data"
    for at, picture in enumerate(smooth(12, 35, channels=1)):
        folder = root / "ab"[at % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(folder / f"{at}.png")
    task = read_task(root)
    assert (task.channels, task.native_pixels) == (1, 35)
