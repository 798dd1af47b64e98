"""Torch's `Dataset`, as people write them and as torchvision has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_data import smooth, write_classes
from torch.utils.data import Dataset, IterableDataset, Subset
from torchvision.datasets import ImageFolder

from headstart.core.errors import DataError
from headstart.data.given_images import given_images
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.data.scan import scan

PIXELS = smooth(6, 24)


class Flowers(Dataset):
    """Items in memory; `make` turns pixels into what an item holds."""

    def __init__(self, labels=(0, 1, 0, 1, 0, 1), make=Image.fromarray, classes=None) -> None:
        self.labels, self.make = labels, make
        if classes:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int):
        return self.make(PIXELS[row]), self.labels[row]


def refusal(dataset: object) -> str:
    with pytest.raises(DataError) as raised:
        reader_for(dataset).read(dataset)
    return str(raised.value)


@pytest.mark.parametrize(
    "make",
    [Image.fromarray, np.asarray, lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1), lambda pixels: pixels / 255.0],
    ids=["Pillow", "array", "tensor", "floats"],
)
def test_items_of_any_form_are_read_lazily(make):
    dataset = Flowers(make=make, classes=["rose", "tulip"])
    raw = reader_for(dataset).read(dataset)
    assert (raw.labels, raw.name) == (("rose", "tulip") * 3, "flowers")
    assert raw.images.name(4) == "flowers[4]"
    for row in range(6):
        assert np.array_equal(np.asarray(raw.images.read(row)), PIXELS[row])


def test_the_task_is_that_of_the_same_pictures_in_memory():
    of_items = read_task(Flowers(labels=list("ababab")))
    of_arrays = read_task(Flowers(labels=list("ababab"), make=np.asarray))
    assert (of_items.classes, len(of_items), of_items.place) == (("a", "b"), 6, "")
    assert of_items.fingerprint == of_arrays.fingerprint


def test_a_folder_of_torchvision_and_a_part_of_it_need_no_item_for_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = ImageFolder(write_classes(tmp_path, {"rose": 3, "tulip": 3}))
    part = Subset(dataset, [5, 0])
    monkeypatch.setattr("headstart.data.readers.torch_items._pair_of", None)
    monkeypatch.setattr("headstart.data.readers.torch_items.NUM_COMPARED", 0)
    assert reader_for(dataset).read(dataset).labels == ("rose",) * 3 + ("tulip",) * 3
    assert reader_for(part).read(part).labels == ("tulip", "rose")


def test_labels_that_are_transformed_are_those_of_the_items(tmp_path: Path):
    dataset = ImageFolder(write_classes(tmp_path, {"rose": 2, "tulip": 2}), target_transform=lambda label: 1 - label)
    assert reader_for(dataset).read(dataset).labels == ("tulip", "tulip", "rose", "rose")


class Relabeled(Dataset):
    """Another label for each item of a set, and only some of its items."""

    def __init__(self, dataset: Dataset, rows: list[int]) -> None:
        self.dataset, self.indices, self.targets = dataset, rows, [0] * len(rows)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, row: int):
        image, label = self.dataset[self.indices[row]]
        return image, 1 - label


class OtherFolder(ImageFolder):
    def __getitem__(self, row: int):
        image, label = super().__getitem__(row)
        return image, 1 - label


def test_a_wrapper_that_relabels_and_selects_has_the_labels_of_its_items(tmp_path: Path):
    folder = write_classes(tmp_path, {"rose": 3, "tulip": 3})
    dataset = Relabeled(ImageFolder(folder), [5, 4, 0, 1])
    assert reader_for(dataset).read(dataset).labels == ("0", "0", "1", "1")
    part = Subset(dataset, [3, 0])
    assert reader_for(part).read(part).labels == ("1", "0")
    other = OtherFolder(folder)
    assert reader_for(other).read(other).labels == ("tulip",) * 3 + ("rose",) * 3


class Photos(Dataset):
    """Images without labels, which counts how often each is made; `make` turns pixels into an item."""

    def __init__(self, make=Image.fromarray) -> None:
        self.make, self.made = make, [0] * len(PIXELS)

    def __len__(self) -> int:
        return len(PIXELS)

    def __getitem__(self, row: int):
        self.made[row] += 1
        return self.make(PIXELS[row])


@pytest.mark.parametrize("make", [Image.fromarray, lambda pixels: (pixels,)], ids=["alone", "a tuple of one"])
def test_predictions_take_a_dataset_of_images_alone_and_make_each_once(make):
    dataset = Photos(make)
    images = given_images(dataset)
    dataset.made = [0] * 6
    assert scan(images).problems == ("",) * 6
    assert dataset.made == [1] * 6
    raw = reader_for(dataset).read_unsorted(dataset)
    assert (raw.labels, raw.splits) == ((None,) * 6, ("unlabeled",) * 6)


def test_an_item_that_fails_is_named_and_the_others_are_predicted():
    def failing(pixels):
        if np.array_equal(pixels, PIXELS[4]):
            raise OSError("the disk is gone.")
        return Image.fromarray(pixels), 0

    sentence = "photos[4]: cannot be read from the data set (OSError: the disk is gone). Mend this item, or leave it out."
    assert scan(given_images(Photos(failing))).problems == ("",) * 4 + (sentence, "")
    assert refusal(Photos(failing)) == sentence


def test_classes_may_be_an_array_and_labels_without_a_value_are_none():
    dataset = Flowers(labels=[0, 1, float("nan"), "", 0, 1])
    dataset.classes = np.array(["rose", "tulip"])
    assert reader_for(dataset).read(dataset).labels == ("rose", "tulip", None, None, "rose", "tulip")


def test_tensors_of_labels_minus_one_and_none_are_understood():
    dataset = Flowers(labels=[torch.tensor(3), np.int64(4), -1, None, "5", 3])
    raw = reader_for(dataset).read(dataset)
    assert raw.labels == ("3", "4", None, None, "5", "3")
    assert raw.splits == ("", "", "unlabeled", "unlabeled", "", "")


def test_predictions_take_a_dataset():
    images = given_images(Flowers())
    assert (len(images), images.name(2)) == (6, "flowers[2]")


class Stream(IterableDataset):
    def __iter__(self):
        yield from ()


class Counted(Stream):
    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (Stream(), "stream: is a stream without a length, and its items are read more than once. Give one that has both."),
        (Counted(), "counted: is a stream without a length, and its items are read more than once. Give one that has both."),
        (
            Flowers(labels=list(torch.eye(6))),
            "flowers[0]: its label is a Tensor, and must be a name or a whole number. Give one class each.",
        ),
        (
            Flowers(classes=5),
            "flowers: its classes are an int, and must be a list of names. Name the class of each number.",
        ),
        (Flowers(labels=()), "flowers: has no items. Add one for each picture."),
        (
            Flowers(make=lambda pixels: np.random.default_rng().integers(0, 255, (8, 8, 3), dtype=np.uint8)),
            "flowers[0]: is another picture each time that it is read. Take random transforms away; training augments pictures "
            "itself.",
        ),
        (
            Flowers(make=lambda pixels: 4 * (pixels / 255.0 - 0.5)),
            "flowers[0] has values from -2 to 2, and those of float64 pixels go from 0 to 1. Give whole numbers "
            "from 0 to 255, or real "
            "ones from 0 to 1, not normalized.",
        ),
        (Flowers(make=lambda pixels: 7), "flowers[0]: its image is an int. Give a Pillow image, an array or a path."),
        (
            Flowers(labels=[0.5] * 6),
            "flowers[0]: label = 0.5 is not a name or a whole number. Classes are wanted, not amounts.",
        ),
        (
            Flowers(labels=[{"box": 1}] * 6),
            "flowers[0]: its label is a dict, and must be a name or a whole number. Give one class each.",
        ),
        (
            Flowers(labels=[0, 1, 2, 0, 1, 2], classes=["a", "b"]),
            "flowers[2]: its label is 2, and the 2 classes count from 0. Correct it.",
        ),
        (
            torch.utils.data.TensorDataset(torch.zeros(4, 3, 8, 8)),
            "tensordataset[0]: is a tuple of 1, and a pair of an image and a label is needed. Wrap the set in one "
            "that gives such.",
        ),
    ],
    ids=[
        "stream",
        "stream with a length",
        "one-hot",
        "number of classes",
        "empty",
        "random",
        "normalized",
        "no image",
        "amount",
        "dict",
        "unnamed",
        "no pair",
    ],
)
def test_a_dataset_that_cannot_be_used_is_refused(dataset: object, sentence: str):
    assert refusal(dataset) == sentence
