from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_data import smooth

import headstart
from headstart.core.errors import DataError
from headstart.data.images import ArrayImages, Embeddings, FileImages, ImageSet


def image_set(number: int = 7, *, sealed: bool = False) -> ImageSet:
    labels = np.arange(number) % 3
    labels[-1] = -1
    images = ArrayImages(smooth(number, 13), "set", np.arange(number))
    return ImageSet(images, ("a", "b", "c"), labels, np.arange(number), tuple("xy"[row % 2] for row in range(number)), sealed)


def test_sealed_labels_cannot_be_read():
    message = "Test labels are sealed until the final evaluation; select on task.labeled and its folds instead."
    sealed = image_set(sealed=True)
    for read in (lambda: sealed.labels, lambda: sealed.class_counts, lambda: sealed.take([1]).labels):
        with pytest.raises(DataError) as refusal:
            read()
        assert str(refusal.value) == message
    assert sealed.opened_for_evaluation().labels.tolist() == [0, 1, 2, 0, 1, 2, -1]


def test_only_evaluation_opens_sealed_labels():
    source = Path(headstart.__file__).parent
    allowed = {source / "data" / "images.py"}
    callers = [path for path in source.rglob("*.py") if "opened_for_evaluation" in path.read_text(encoding="utf-8")]
    assert [str(path) for path in callers if path not in allowed and path.parent != source / "evaluation"] == []


def test_only_the_data_floor_names_hidden_labels():
    source = Path(headstart.__file__).parent
    readers = [path for path in source.rglob("*.py") if "hidden_labels" in path.read_text(encoding="utf-8")]
    assert [str(path) for path in readers if not path.is_relative_to(source / "data")] == []


def test_labels_can_be_replaced_and_taken_off_while_they_stay_where_they_were():
    whole = image_set()
    assert whole.labeled_as(np.full(7, 1)).labels.tolist() == [1] * 7
    assert image_set(sealed=True).without_labels().labels.tolist() == [-1] * 7
    assert whole.labels.tolist() == [0, 1, 2, 0, 1, 2, -1]


def test_rows_in_other_classes_stay_sealed_and_unlabeled_ones_unknown():
    turned = image_set(sealed=True).in_classes(("z", "y", "x"), np.array([2, 1, 0]))
    assert turned.sealed
    assert turned.classes == ("z", "y", "x")
    assert turned.opened_for_evaluation().labels.tolist() == [2, 1, 0, 2, 1, 0, -1]


def test_class_counts_leave_unlabeled_rows_out():
    assert image_set().class_counts.tolist() == [2, 2, 2]


def test_rows_are_taken_by_index_or_mask_with_all_that_belongs_to_them():
    whole = image_set()
    assert whole.content_keys
    taken = whole.take(np.array([5, 0]))
    assert (taken.labels.tolist(), taken.groups.tolist(), taken.domains) == ([2, 0], [5, 0], ("y", "x"))
    assert taken.content_keys == (whole.content_keys[5], whole.content_keys[0])
    assert [taken.images.name(row) for row in range(2)] == ["set[5]", "set[0]"]
    mask = np.zeros(7, bool)
    mask[[2, 3]] = True
    assert whole.take(mask).groups.tolist() == [2, 3]


def test_fingerprint_follows_pictures_labels_and_groups():
    whole = image_set()
    assert whole.fingerprint == image_set().fingerprint
    assert whole.take([0, 1]).fingerprint != whole.take([1, 0]).fingerprint
    assert len({whole.take(rows).fingerprint for rows in ([0], [1], [3])}) == 3


def test_array_pictures_are_read_as_rgb_whatever_their_channels():
    gray = ArrayImages(np.full((1, 5, 3, 1), 77, np.uint8), "set", np.arange(1))
    assert (gray.read(0).mode, gray.read(0).size, gray.read(0).getpixel((0, 0))) == ("RGB", (3, 5), (77, 77, 77))


def test_equal_bytes_of_another_shape_are_another_picture():
    flat = np.arange(24, dtype=np.uint8)
    wide = ArrayImages(flat.reshape(1, 2, 4, 3), "set", np.arange(1))
    tall = ArrayImages(flat.reshape(1, 4, 2, 3), "set", np.arange(1))
    assert wide.content_key(0) != tall.content_key(0)


def test_file_pictures_are_keyed_by_the_bytes_of_the_file(tmp_path):
    path = tmp_path / "p.png"
    Image.fromarray(smooth(1, 9)[0]).save(path)
    images = FileImages((path,))
    assert images.content_key(0) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert images.take(np.array([0, 0])).paths == (path, path)


def test_feature_vectors_have_no_picture():
    rows = Embeddings(np.ones((2, 3), np.float32), "vectors", np.arange(2))
    with pytest.raises(DataError) as refusal:
        rows.read(1)
    assert str(refusal.value) == "vectors[1] is a feature vector and has no picture. Give a folder of images instead."
    assert rows.take(np.array([1])).vectors().tolist() == [[1, 1, 1]]


def test_a_spaced_set_has_at_most_the_rows_asked_for():
    rows = image_set()
    assert rows.spaced(len(rows)) is rows
    assert rows.spaced(3).hidden_labels.tolist() == rows.hidden_labels[[0, 3, 6]].tolist()
