"""A torch `Dataset` in memory, whose items are pairs of an image and a label."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.progress import progress
from headstart.core.types import UNLABELED
from headstart.data.class_names import canonical, check_distinct
from headstart.data.mixed_images import Item, Items, MixedImages
from headstart.data.pixel_arrays import as_pillow, given_one, pixels_of
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.tables import label_text

NUM_COMPARED = 3
"""Items that are read twice, to find out whether they are the same each time."""


class TorchItems(Reader):
    """A torch `Dataset` with a length, whose items are (image, label): `classes` names the labels where the set has them.

    Images may be Pillow images, arrays, tensors of values from 0 to 1, or paths. Labels are read from `targets` where the set has
    one for each item, as those of torchvision do, and from the items otherwise. Transforms have to give the same image each time.
    """

    of_objects = True
    summary: ClassVar[str] = "in Python: a torch Dataset, whose items are (image, label)"

    def recognizes(self, place: Any) -> bool:
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(place, torch.utils.data.Dataset)

    def read(self, place: Any) -> RawDataset:
        name = canonical(type(place).__name__).lower()
        if not hasattr(place, "__len__") or not hasattr(place, "__getitem__"):
            raise DataError(
                f"{name}: is a stream without a length, and its items are read more than once. Give one that has both."
            )
        if not len(place):
            raise DataError(f"{name}: has no items. Add one for each picture.")
        pictures = _Pictures(place, name)
        pictures.check_repeatable()
        classes = tuple(map(str, _attribute(place, "classes") or ()))
        labels = [_label(label, classes, f"{name}[{row}]") for row, label in enumerate(_labels(place, name))]
        check_distinct((label for label in labels if label is not None), name)
        splits = ["unlabeled" if label is None else "" for label in labels]
        return RawDataset(name, MixedImages(pictures, np.arange(len(place)), name), tuple(labels), tuple(splits))


class _Pictures(Items):
    """The images of the items. One is read at a time: a data set need not allow several at once."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset = dataset
        self._name = name
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._dataset)

    def item(self, row: int) -> Item:
        with self._lock:
            image, _ = pair_of(self._dataset[row], f"{self._name}[{row}]")
        one = given_one(image)
        if isinstance(one, np.ndarray):
            pixels = pixels_of(one, f"{self._name}[{row}]")
            if len(pixels) == 1:
                return as_pillow(pixels[0])
            raise DataError(f"{self._name}[{row}]: has {len(pixels)} images. Give one image an item.")
        if one is None:
            raise DataError(
                f"{self._name}[{row}]: its image is a {type(image).__name__}. Give a Pillow image, an array or a path."
            )
        return Path(one) if isinstance(one, str) else one

    def check_repeatable(self) -> None:
        """Refuse items that change from one reading to the next: a picture could then not be known again."""
        for row in range(min(NUM_COMPARED, len(self))):
            first, second = self.item(row), self.item(row)
            if not isinstance(first, Image.Image) or not isinstance(second, Image.Image):
                continue
            if first.size != second.size or first.tobytes() != second.tobytes():
                raise DataError(
                    f"{self._name}[{row}]: is another picture each time that it is read. Take random transforms away; training "
                    "augments pictures itself."
                )


def pair_of(item: Any, where: str) -> tuple[Any, Any]:
    """The image and the label of an item."""
    if isinstance(item, Sequence) and not isinstance(item, str | bytes) and len(item) == 2:
        return item[0], item[1]
    met = f"{type(item).__name__} of {len(item)}" if isinstance(item, Sequence | dict) else type(item).__name__
    raise DataError(f"{where}: is a {met}, and a pair of an image and a label is needed. Wrap the set in one that gives such.")


def _attribute(dataset: Any, name: str) -> Any:
    """An attribute of the set, or of that which it is a part of, as a `Subset` is."""
    while not hasattr(dataset, name) and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return getattr(dataset, name, None)


def _labels(dataset: Any, name: str) -> list[Any]:
    """The label of each item: the set's `targets`, or else those of the items, which are all read."""
    whole, rows = getattr(dataset, "dataset", dataset), getattr(dataset, "indices", range(len(dataset)))
    targets = getattr(whole, "targets", None)
    if targets is not None and len(targets) == len(whole) and getattr(whole, "target_transform", None) is None:
        return list(np.asarray(targets)[np.asarray(rows, np.int64)].tolist())
    with progress(len(dataset), "Reading labels") as advance:
        labels = []
        for row in range(len(dataset)):
            labels.append(pair_of(dataset[row], f"{name}[{row}]")[1])
            advance(1)
    return labels


def _label(label: Any, classes: tuple[str, ...], where: str) -> str | None:
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label
    if value is None or (not isinstance(value, str) and value == UNLABELED):
        return None
    if not isinstance(value, str | int | float):
        raise DataError(
            f"{where}: its label is a {type(value).__name__}, and must be a name or a whole number. Give one class each."
        )
    text = label_text(value, where)
    if not classes or isinstance(value, str):
        return canonical(text) or None
    if not 0 <= int(value) < len(classes):
        raise DataError(f"{where}: its label is {text}, and the {len(classes)} classes count from 0. Correct it.")
    return canonical(classes[int(value)])
