"""Frames of pandas and polars, and what else is a table in memory: one picture a row, by its path or its bytes."""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from headstart.core.errors import DataError
from headstart.data.images import FileImages, Images
from headstart.data.mixed_images import Item, Items, MixedImages
from headstart.data.picture_columns import item_of, picture_column, table_beside
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.stores import local_files
from headstart.data.table_rows import COLUMNS, IS_VALID, check_paths, headings_read, picture_rows, raw_of, raw_with, told_of
from headstart.data.tables import cells_of, table_of

NAME = "frame"
"""What messages call a frame, and "frame[3]" is its fourth row."""
RELATIVE = "relative to the folder that this program works in"
OF_FRAME = "Paths are relative to the folder that this program works in; correct them, or give whole paths."


class Frames(Reader):
    """A frame of pandas or polars, a table of pyarrow, or whatever else has Arrow's `__arrow_c_stream__`.

    Its columns are those of a manifest. In place of paths it may have a column of bytes.
    """

    of_objects = True
    reads_columns = True
    summary: ClassVar[str] = "in Python: a frame of pandas or polars, with the columns of a manifest or with pictures as bytes"

    def recognizes(self, place: Any) -> bool:
        return hasattr(place, "__arrow_c_stream__") and hasattr(place, "columns")  # a single column has none

    def read(self, place: Any) -> RawDataset:
        return raw_of_table(arrow_table(place), NAME, needs_labels=True, numbers=self.numbers)

    def read_unsorted(self, place: Any) -> RawDataset:
        return raw_of_table(arrow_table(place), NAME, needs_labels=False)

    def pictures(self, place: Any) -> Images:
        return pictures_of_table(arrow_table(place), NAME)


def arrow_table(frame: Any) -> pa.Table:
    """The frame as an Arrow table; `DataError` where a column has cells that have no place in one."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        objects, frame = frame.columns[frame.dtypes == "object"], frame.copy(deep=False)
        for name in objects:
            frame[name] = frame[name].map(_plain)
    try:
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    except Exception as error:  # noqa: BLE001  each library raises its own
        reason = " ".join(str(error).split())[:200].rstrip(". ")
        raise DataError(
            f"{NAME}: cannot be read as an Arrow table ({reason}). Keep texts, numbers and bytes in its columns."
        ) from None
    return table.select([name for name in table.column_names if not name.startswith("__index_level_")])


def _plain(cell: Any) -> Any:
    return os.fspath(cell) if isinstance(cell, os.PathLike) else cell


def raw_of_table(table: pa.Table, name: str, split: str = "", *, needs_labels: bool, numbers: str = "") -> RawDataset:
    """The rows of a table with a column of paths, or of pictures as bytes; `split` is that of all, where no column tells it.

    `numbers` is the heading of numbers to predict, in place of labels.
    """
    column = _picture_column(table, name)
    if column is not None:
        rest = table_beside(table.drop_columns([column]), name, table.num_rows, needs_labels=needs_labels, numbers=numbers)
        images = MixedImages(_Cells(table.column(column), name), np.arange(table.num_rows), name)
        return raw_with(images, told_of(rest, split), name, name, headings_read(rest))
    required = ("path", "label") if needs_labels else ("path",)
    found = table_of(name, *cells_of(table, name, numbers), (*COLUMNS, IS_VALID), required, numbers)
    paths = local_files(found.columns["path"])
    rows = picture_rows(found, paths.__getitem__, split, RELATIVE)
    return raw_of(rows, name, name, OF_FRAME, headings_read(found))


def pictures_of_table(table: pa.Table, name: str) -> Images:
    """The pictures of all rows of such a table, in order: those that are missing or repeated, too."""
    column = _picture_column(table, name)
    if column is not None:
        return MixedImages(_Cells(table.column(column), name), np.arange(table.num_rows), name)
    found = table_of(name, *cells_of(table, name), (*COLUMNS, IS_VALID), ("path",))
    check_paths(found, RELATIVE)
    paths = local_files(found.columns["path"])
    return FileImages(tuple(paths[path] for path in found.columns["path"]))


def _picture_column(table: pa.Table, name: str) -> str | None:
    """The column of pictures as bytes; `DataError` where the table has no rows."""
    if not table.num_rows:
        raise DataError(f"{name}: has no rows. Add a row for each picture.")
    return picture_column(table.schema, name)


class _Cells(Items):
    """The pictures of a column."""

    def __init__(self, column: pa.ChunkedArray, name: str) -> None:
        self._column = column
        self._name = name

    def __len__(self) -> int:
        return len(self._column)

    def item(self, row: int) -> Item:
        return item_of(self._column[row].as_py(), f"{self._name}[{row}]")
