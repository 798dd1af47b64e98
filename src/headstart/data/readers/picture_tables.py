"""Tables that hold the pictures themselves: Parquet and Arrow files, and what Hugging Face's `datasets` saves."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from headstart.core.errors import DataError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.data.addresses import shown_name
from headstart.data.arrow_files import ranges_of, rest_of, schema_of
from headstart.data.images import Images
from headstart.data.picture_columns import picture_column, table_beside
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.shard_files import name_of_set, shards_of, split_of
from headstart.data.stored_images import Stored, StoredImages
from headstart.data.table_rows import Told, headings_read, raw_with, told_of

SUFFIXES = (".parquet", ".arrow")


class PictureTables(Reader):
    """A .parquet or .arrow file with a column of pictures as bytes, a folder of such shards, or a saved `DatasetDict`.

    No code of a data set runs. A split is read from a column, or from the names of files and folders, as in
    train-00000-of-00002.parquet. Parquet files are unpacked into the cache, as a picture in them cannot be read by itself.
    """

    precedence = 25
    of_containers = True
    summary: ClassVar[str] = "pictures.parquet, a folder of such shards, or a saved Hugging Face data set: columns image, label"

    def recognizes(self, place: str) -> bool:
        return bool(shards_of(place, SUFFIXES, _has_pictures))

    def read(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=True)

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=False)

    def pictures(self, place: str) -> Images:
        stored: list[Stored] = []
        for file in shards_of(place, SUFFIXES, _has_pictures):
            found, name = ranges_of(file, _column_of(file, place)), shown_name(file)
            rows = enumerate(zip(found.starts.tolist(), found.sizes.tolist(), strict=True))
            stored += [Stored(found.file, start, size, f"{name}[{row}]") for row, (start, size) in rows]
        return StoredImages.of(stored)

    def _read(self, place: str, *, needs_labels: bool) -> RawDataset:
        pictures: list[Stored] = []
        told: list[Told] = []
        findings: dict[str, Finding] = {}
        missing: list[str] = []
        for file in shards_of(place, SUFFIXES, _has_pictures):
            name = shown_name(file)
            column = _column_of(file, place)
            found = ranges_of(file, column)
            table = table_beside(rest_of(file, column), name, len(found.starts), needs_labels=needs_labels)
            findings |= {finding.code: finding for finding in headings_read(table)}
            rows = zip(told_of(table, split_of(file, place)), found.starts.tolist(), found.sizes.tolist(), strict=True)
            for row, (one, start, size) in enumerate(rows):
                if size < 0:
                    missing.append(f"{name}[{row}]")
                    continue
                pictures.append(Stored(found.file, start, size, f"{name}[{row}]"))
                told.append(one)
        if not pictures:
            raise DataError(f"{place}: none of its {len(missing):,} rows has a picture. Save the bytes of the pictures with it.")
        return raw_with(
            StoredImages.of(pictures), told, name_of_set(place), place, [*findings.values(), *without_picture(missing)]
        )


def _column_of(file: Path, place: str) -> str:
    """The column of pictures of a file; `DataError` where it has none."""
    name = shown_name(file)
    column = picture_column(schema_of(file), name)
    if column is None:
        raise DataError(f"{name}: has no column of pictures, and the other files of {place} have. Move it away.")
    return column


def without_picture(names: list[str]) -> tuple[Finding, ...]:
    """A finding that names rows without a picture; none where each has one."""
    if not names:
        return ()
    title = f"Rows without a picture are left out ({len(names)})."
    advice = "Save the bytes of these pictures, or delete their rows."
    return (Finding.warning("missing-files", title, advice, count=len(names), paths=names[:MOST_EXAMPLES]),)


def _has_pictures(file: Path) -> bool:
    """Whether a file has a column of pictures, or cannot be read, which reading it says."""
    try:
        schema = schema_of(file)
        return picture_column(schema, str(file)) is not None
    except DataError:
        return True
