"""Manifests: a table that names one picture a row, with its label and what else is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.data.addresses import shown_name
from headstart.data.class_names import canonical
from headstart.data.manifest_files import manifest_files, splits_of
from headstart.data.manifest_pictures import located
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.stores import fetch_named
from headstart.data.table_rows import COLUMNS, IS_VALID, PictureRow, headings_read, picture_rows, raw_of
from headstart.data.tables import read_table

OF_MANIFEST = "Paths are relative to the manifest's folder; correct them or move the manifest."
"""What to do where no picture exists."""


class Manifest(Reader):
    """A .csv, .tsv or .parquet file, a folder that holds a manifest with one of these endings, or a table beside pictures."""

    precedence = 20
    reads_columns = True
    summary: ClassVar[str] = "manifest.csv or .parquet with the columns path,label[,split][,group][,domain]"

    def recognizes(self, place: str) -> bool:
        return bool(manifest_files(place))

    def read(self, place: str) -> RawDataset:
        return self._read(place, ("path", "label"))

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, ("path",))

    def _read(self, place: str, required: tuple[str, ...]) -> RawDataset:
        files = manifest_files(place)
        splits = splits_of(files)
        if len(files) > 1 and not splits:
            raise DataError(f"{place}: holds {' and '.join(file.name for file in files)}. Point at one of them.")
        rows: list[PictureRow] = []
        findings: list[Finding] = []
        for file, split in zip(files, splits or [""], strict=True):
            table = read_table(file, (*COLUMNS, IS_VALID), required, self.numbers)
            elsewhere = fetch_named(file, table.columns["path"])
            pictures, found = located(file, table.columns["path"], elsewhere)
            rows += picture_rows(table, pictures.path, split, "relative to the manifest")
            findings += (*headings_read(table), *found)
        return raw_of(rows, _name_of(place, files), shown_name(files[0]) if len(files) == 1 else place, OF_MANIFEST, findings)


def _name_of(place: str, files: list[Path]) -> str:
    """The name of a table that was pointed at, unless that is `manifest`, or else of its folder."""
    told = Path(place) == files[0] and files[0].stem.casefold() != "manifest"
    return canonical(files[0].stem if told else files[0].resolve().parent.name) or "data"
