"""Tasks of pictures in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from small_data import picture, smooth

from headstart.core.errors import ArgumentError, DataError, PlanError
from headstart.data.arrays import read_arrays
from headstart.data.images import ArrayImages
from headstart.data.reading import read_task
from headstart.data.task import Task

CLASSES = ("square", "disk", "bar")
NUMBERS = np.arange(37) % 3


def noise(count: int, seed: int = 0, shape: tuple[int, ...] = (9, 11, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def labels_by_name(task: Task) -> dict[str, str]:
    names = (task.train.images.name(row) for row in range(len(task.train)))
    return {name: task.classes[label] for name, label in zip(names, task.train.labels, strict=True)}


@pytest.mark.parametrize("labels", [[CLASSES[label] for label in NUMBERS], NUMBERS, NUMBERS.astype(float), list(NUMBERS)])
def test_labels_are_names_or_indices_into_the_classes(labels):
    task = Task.from_arrays(noise(37), labels, classes=CLASSES, name="shapes", seed=5)
    assert (task.name, task.place, task.seed) == ("shapes", "", 5)
    assert task.classes == tuple(sorted(CLASSES))
    assert labels_by_name(task) == {f"images[{row}]": CLASSES[label] for row, label in enumerate(NUMBERS)}
    assert (task.native_pixels, task.channels, task.test) == (9, 3, None)
    assert isinstance(task.train.images, ArrayImages)


def test_numbers_without_classes_are_names():
    assert read_arrays(noise(37, shape=(9, 11)), NUMBERS * 5).classes == ("0", "5", "10")
    assert read_arrays(noise(37, shape=(9, 11)), NUMBERS).channels == 1


def test_a_task_of_arrays_is_that_of_their_files(tmp_path):
    pixels = noise(37)
    for row, label in enumerate(NUMBERS):
        (tmp_path / CLASSES[label]).mkdir(exist_ok=True)
        Image.fromarray(pixels[row]).save(tmp_path / CLASSES[label] / f"{row:02}.png")
    files, own = read_task(tmp_path), read_arrays(list(map(Image.fromarray, pixels)), NUMBERS, classes=CLASSES)
    assert (own.classes, own.num_classes, len(own.labeled), own.native_pixels) == (files.classes, 3, 37, files.native_pixels)
    order = [int(Path(files.train.images.name(row)).stem) for row in range(37)]
    assert own.train.labels[order].tolist() == files.train.labels.tolist()
    assert np.array_equal(own.train.images.squares(np.array(order), 9), files.train.images.squares(np.arange(37), 9))


def test_a_test_of_its_own_is_sealed_and_what_is_in_both_is_not_learned():
    pixels, held_out = noise(37), noise(8, seed=1)
    held_out[1] = pixels[1]
    task = read_arrays(pixels, NUMBERS, test=(held_out, np.arange(8) % 3), classes=CLASSES)
    assert (len(task.train), len(task.test), task.test.sealed) == (36, 8, True)
    assert task.test.images.name(0) == "images[37]"
    assert "images[1]" not in labels_by_name(task)
    assert [finding.code for finding in task.findings].count("duplicate-across-splits") == 1
    other = read_arrays(pixels, NUMBERS, test=(list(map(Image.fromarray, noise(8, 1, (5, 7, 3)))), np.arange(8) % 3))
    assert len(other.test) == 8


def test_a_share_is_held_out_and_groups_are_not_parted():
    task = read_arrays(noise(60), np.arange(60) % 3, test=0.3, groups=np.arange(60) // 6, seed=2)
    assert 0 < len(task.test) < 40
    names = [task.test.images.name(row) for row in range(len(task.test))]
    held_out = {int(name[7:-1]) // 6 for name in names}
    assert not held_out & {int(name[7:-1]) // 6 for name in labels_by_name(task)}


@pytest.mark.parametrize("missing", [None, "", float("nan"), -1])
def test_pictures_without_a_label_are_unlabeled(missing):
    labels = [missing if row % 4 == 3 else int(label) for row, label in enumerate(NUMBERS)]
    task = read_arrays(noise(37), labels, classes=CLASSES)
    assert (len(task.train), len(task.unlabeled)) == (28, 9)


REFUSED = [
    ({"labels": NUMBERS[:5]}, DataError, "There are 37 pictures, and labels are 5. Give one for each picture."),
    (
        {"test": (noise(3), [0])},
        DataError,
        "There are 3 pictures, and the labels of the test are 1. Give one for each picture.",
    ),
    ({"groups": [1, 2]}, DataError, "There are 37 pictures, and groups are 2. Give one for each picture."),
    (
        {"labels": [*NUMBERS[:36], 3]},
        DataError,
        "labels[36] = 3, and there are 3 classes, which are counted from 0. Name all of them.",
    ),
    (
        {"labels": ["squar", *NUMBERS[1:]]},
        DataError,
        'labels[0] = "squar" is none of the classes. Did you mean "square"? They are "square", "disk", "bar".',
    ),
    (
        {"labels": [0.5, *NUMBERS[1:]]},
        DataError,
        "labels[0] = 0.5 is not a name or a whole number. Classes are wanted, not amounts.",
    ),
    ({"classes": ("a", "b", "a")}, DataError, 'classes names "a" twice. Name each class once.'),
    ({"labels": [None] * 37}, DataError, "labels name no class. Give the class of some pictures."),
    (
        {"images": noise(37, shape=(3, 9, 5, 2))},
        DataError,
        "images has the shape (37, 3, 9, 5, 2), and no pictures have that. Give [height, width], [height, width, channel] or "
        "[sample, height, width, channel].",
    ),
    (
        {"images": noise(37).astype(np.int64) + 100},
        DataError,
        "images has values from 100 to 355, and those of int64 pixels go from 0 to 255. Give whole numbers from 0 to 255, or "
        "real ones from 0 to 1, not normalized.",
    ),
    (
        {"labels": [0] * 37},
        DataError,
        'arrays: "square" is the only class. Add images until two classes have at least two each.',
    ),
    ({"test": 1.5}, PlanError, "test = 1.5 is no share of the labeled images. Give 0 or more, and less than 1, such as 0.2."),
    (
        {"labels": [[0]] * 37},
        ArgumentError,
        "read_arrays: labels[0] = [0] is a list. Give a name or a whole number for each picture.",
    ),
    (
        {"test": "some"},
        ArgumentError,
        "read_arrays: test = 'some' is a str. Give a share of the labeled rows, or a pair of images and labels or None.",
    ),
]


@pytest.mark.parametrize(("given", "error", "sentence"), REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence(given, error, sentence):
    with pytest.raises(error) as caught:
        read_arrays(**{"images": noise(37), "labels": NUMBERS, "classes": CLASSES, **given})
    assert str(caught.value) == sentence


def test_a_test_of_its_own_is_joined_without_reading_a_picture(monkeypatch):
    frame = pa.table({"image": [picture(row) for row in range(4)]})
    monkeypatch.setattr("headstart.data.mixed_images.decode_image", None)
    monkeypatch.setattr("headstart.data.arrays.task_in", lambda raw, *_, **__: raw)
    raw = read_arrays(frame, list("abab"), test=([Image.fromarray(smooth(1, 24)[0])], ["a"]))
    assert [raw.images.name(row) for row in (3, 4)] == ["frame[3]", "images[4]"]
