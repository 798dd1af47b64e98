"""A torch `Dataset` in memory, whose items are pairs of an image and a label."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.arguments import with_article
from headstart.core.errors import DataError
from headstart.core.progress import progress
from headstart.data.class_names import canonical, check_distinct
from headstart.data.images import Images
from headstart.data.mixed_images import Item, Items, MixedImages
from headstart.data.pixel_arrays import as_pillow, given_one, pixels_of
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.tables import label_text

TARGETS = {
    "torchvision.datasets.cifar": "targets",
    "torchvision.datasets.folder": "samples",
    "torchvision.datasets.mnist": "targets",
    "torchvision.datasets.usps": "targets",
}
"""Where the sets of each module of torchvision keep the labels that their items have."""
NUM_COMPARED = 3
"""Items that are read twice, to find out whether they are the same each time."""


class TorchItems(Reader):
    """A torch `Dataset` with a length, whose items are (image, label): `classes` names the labels where the set has them.

    Images may be Pillow images, arrays, tensors of values from 0 to 1, or paths. Labels are those of the items; for sets of
    torchvision that keep them beside the pictures, and for a `Subset` of one, they are had without reading items. Where no labels
    are needed, items may be images alone. Transforms have to give the same image each time.
    """

    of_objects = True
    summary: ClassVar[str] = "in Python: a torch Dataset, whose items are (image, label)"

    def recognizes(self, place: Any) -> bool:
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(place, torch.utils.data.Dataset)

    def read(self, place: Any) -> RawDataset:
        return self._read(place, needs_labels=True)

    def read_unsorted(self, place: Any) -> RawDataset:
        return self._read(place, needs_labels=False)

    def pictures(self, place: Any) -> Images:
        name = _name_of(place)
        items = _Pictures(place, name)
        items.check_repeatable()
        return MixedImages(items, np.arange(len(items)), name)

    def _read(self, place: Any, *, needs_labels: bool) -> RawDataset:
        pictures, name = self.pictures(place), _name_of(place)
        classes = _classes(place, name)
        found = _labels(place, name, needs_labels=needs_labels)
        labels = [_label(label, classes, f"{name}[{row}]") for row, label in enumerate(found)]
        check_distinct((label for label in labels if label is not None), name)
        splits = ["unlabeled" if label is None else "" for label in labels]
        return RawDataset(name, pictures, tuple(labels), tuple(splits))


def _name_of(dataset: Any) -> str:
    """What messages call the set; `DataError` where it has no items that can be read by their numbers."""
    name = canonical(type(dataset).__name__).lower()
    streams = isinstance(dataset, sys.modules["torch"].utils.data.IterableDataset)
    if streams or not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DataError(f"{name}: is a stream without a length, and its items are read more than once. Give one that has both.")
    if not len(dataset):
        raise DataError(f"{name}: has no items. Add one for each picture.")
    return name


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
            image = _image_of(_item_of(self._dataset, row, self._name), f"{self._name}[{row}]")
        one = given_one(image)
        if isinstance(one, np.ndarray):
            pixels = pixels_of(one, f"{self._name}[{row}]")
            if len(pixels) == 1:
                return as_pillow(pixels[0])
            raise DataError(f"{self._name}[{row}]: has {len(pixels)} images. Give one image an item.")
        if one is None:
            met = with_article(type(image).__name__)
            raise DataError(f"{self._name}[{row}]: its image is {met}. Give a Pillow image, an array or a path.")
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


def _item_of(dataset: Any, row: int, name: str) -> Any:
    """An item of the set; `DataError` where the code of the set fails."""
    try:
        return dataset[row]
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(". ")
        raise DataError(
            f"{name}[{row}]: cannot be read from the data set ({reason}). Mend this item, or leave it out."
        ) from error


def _image_of(item: Any, where: str) -> Any:
    """The image of an item: of a pair, or the item itself."""
    if given_one(item) is not None:
        return item
    return item[0] if isinstance(item, tuple | list) and len(item) == 1 else _pair_of(item, where)[0]


def _pair_of(item: Any, where: str) -> tuple[Any, Any]:
    """The image and the label of an item."""
    if isinstance(item, Sequence) and not isinstance(item, str | bytes) and len(item) == 2:
        return item[0], item[1]
    kind = with_article(type(item).__name__)
    met = f"{kind} of {len(item)}" if isinstance(item, Sequence | dict) else kind
    raise DataError(f"{where}: is {met}, and a pair of an image and a label is needed. Wrap the set in one that gives such.")


def _is_subset(dataset: Any) -> bool:
    """Whether the set is torch's own `Subset`; another wrapper may change what it wraps."""
    return type(dataset) is sys.modules["torch"].utils.data.Subset


def _classes(dataset: Any, name: str) -> tuple[str, ...]:
    """The names of the classes, or those of the set that a `Subset` is a part of; none where it tells none."""
    while _is_subset(dataset):
        dataset = dataset.dataset
    classes = getattr(dataset, "classes", None)
    if classes is None:
        return ()
    if not isinstance(classes, list | tuple | np.ndarray):
        met = with_article(type(classes).__name__)
        raise DataError(f"{name}: its classes are {met}, and must be a list of names. Name the class of each number.")
    return tuple(map(str, classes))


def _labels(dataset: Any, name: str, *, needs_labels: bool) -> list[Any]:
    """The label of each item; None for an image alone, where no labels are needed."""
    targets = _targets(dataset)
    if targets is not None:
        return targets
    labels = []
    with progress(len(dataset), "Reading labels") as advance:
        for row in range(len(dataset)):
            item = _item_of(dataset, row, name)
            alone = not needs_labels and (given_one(item) is not None or (isinstance(item, tuple | list) and len(item) == 1))
            labels.append(None if alone else _pair_of(item, f"{name}[{row}]")[1])
            advance(1)
    return labels


def _targets(dataset: Any) -> list[Any] | None:
    """The labels that a set of torchvision keeps beside its pictures, or a `Subset` of one; None where only items tell them.

    A class of torchvision's that somebody else extends may give other labels, or other rows: only where items are made by
    torchvision's own code, and labels are not transformed, are its lists believed.
    """
    if _is_subset(dataset):
        whole = _targets(dataset.dataset)
        return None if whole is None else [whole[row] for row in dataset.indices]
    attribute = TARGETS.get(type(dataset).__getitem__.__module__)
    if attribute is None or getattr(dataset, "target_transform", None) is not None:
        return None
    targets = [pair[1] for pair in dataset.samples] if attribute == "samples" else list(dataset.targets)
    return targets if len(targets) == len(dataset) else None


def _label(label: Any, classes: tuple[str, ...], where: str) -> str | None:
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        met = with_article(type(value).__name__)
        raise DataError(f"{where}: its label is {met}, and must be a name or a whole number. Give one class each.")
    text = label_text(value, where)
    if not text:
        return None
    if not classes or isinstance(value, str):
        return canonical(text) or None
    if not 0 <= value < len(classes):
        raise DataError(f"{where}: its label is {text}, and the {len(classes)} classes count from 0. Correct it.")
    return canonical(classes[int(value)])
