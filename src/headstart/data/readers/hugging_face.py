"""A `Dataset` or `DatasetDict` of Hugging Face's `datasets` in memory: a column of images and one of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from headstart.core.errors import DataError
from headstart.data.class_names import canonical
from headstart.data.images import Images
from headstart.data.joined import JoinedImages, joined_rows
from headstart.data.mixed_images import Item, Items, MixedImages
from headstart.data.picture_columns import item_of, picture_column, table_beside
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.readers.frames import pictures_of_table, raw_of_table
from headstart.data.split_names import split_named
from headstart.data.table_rows import headings_read, raw_with, told_of


class HuggingFace(Reader):
    """A `datasets.Dataset`, or a `DatasetDict` of the splits train, validation and test. Pictures are read when asked for."""

    of_objects = True
    precedence = 10
    summary: ClassVar[str] = "in Python: a Dataset or DatasetDict of Hugging Face's datasets, with the columns image and label"

    def recognizes(self, place: Any) -> bool:
        return type(place).__module__.partition(".")[0] == "datasets" and (hasattr(place, "features") or isinstance(place, dict))

    def read(self, place: Any) -> RawDataset:
        return _raw(place, needs_labels=True)

    def read_unsorted(self, place: Any) -> RawDataset:
        return _raw(place, needs_labels=False)

    def pictures(self, place: Any) -> Images:
        several = [_pictures_of(dataset, split) for split, dataset in _splits(place)]
        return several[0] if len(several) == 1 else JoinedImages(tuple(several))


def _splits(place: Any) -> list[tuple[str, Any]]:
    """The name and the rows of each split; a data set that is none of several has no name."""
    splits = list(place.items()) if isinstance(place, Mapping) else [("", place)]
    if not splits:
        raise DataError("dataset: has no split. Give one that holds rows.")
    return splits


def _raw(place: Any, *, needs_labels: bool) -> RawDataset:
    if not isinstance(place, Mapping):
        return _raw_of(place, "", needs_labels=needs_labels)
    splits = [(split_named(name, "dataset"), dataset) for name, dataset in _splits(place)]
    return joined_rows([_raw_of(dataset, split, needs_labels=needs_labels) for split, dataset in splits])


def _raw_of(dataset: Any, split: str, *, needs_labels: bool) -> RawDataset:
    """The rows of one data set; `split` is that of all, where it is known and no column tells it."""
    name = _name_of(dataset)
    called = f"{name}/{split}" if split else name
    schema = dataset.features.arrow_schema
    column = picture_column(schema, called)
    if column is None:
        return raw_of_table(dataset.with_format("arrow")[:], called, split, needs_labels=needs_labels)
    if not len(dataset):
        raise DataError(f"{called}: has no rows. Add a row for each picture.")
    others = [one for one in schema.names if one != column]
    table = dataset.select_columns(others).with_format("arrow")[:] if others else pa.table({})
    rest = table_beside(table, called, len(dataset), needs_labels=needs_labels)
    images = _images_in(dataset, column, called)
    return raw_with(images, told_of(rest, split), name, called, headings_read(rest))


def _name_of(dataset: Any) -> str:
    """What messages call a data set; `DataError` where its rows cannot be read by their numbers."""
    if not all(hasattr(dataset, needed) for needed in ("__len__", "__getitem__", "select_columns")):
        kind = type(dataset).__name__
        raise DataError(f"dataset: is a stream ({kind}), and its rows are read more than once. Load it without streaming.")
    return canonical(str(dataset.info.dataset_name or "")) or "dataset"


def _pictures_of(dataset: Any, split: str) -> Images:
    """The pictures of all rows of a data set, in order."""
    name = f"{_name_of(dataset)}/{split}" if split else _name_of(dataset)
    column = picture_column(dataset.features.arrow_schema, name)
    if column is None:
        return pictures_of_table(dataset.with_format("arrow")[:], name)
    return _images_in(dataset, column, name)


def _images_in(dataset: Any, column: str, name: str) -> Images:
    return MixedImages(
        _Pictures(dataset.select_columns([column]).with_format("arrow"), column, name), np.arange(len(dataset)), name
    )


class _Pictures(Items):
    """The pictures of a data set, read when asked for; the bytes are those of files, and no code of the set runs."""

    def __init__(self, dataset: Any, column: str, name: str) -> None:
        self._dataset = dataset
        self._column = column
        self._name = name

    def __len__(self) -> int:
        return len(self._dataset)

    def item(self, row: int) -> Item:
        return item_of(self._dataset[row][self._column][0].as_py(), f"{self._name}[{row}]")
