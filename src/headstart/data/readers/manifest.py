"""Manifests: a table that names one picture a row, with its label and what else is known of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from headstart.core.errors import DataError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.data.class_names import canonical, check_distinct
from headstart.data.images import FileImages
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.split_names import split_and_label
from headstart.data.tables import Table, ignored_columns, read_table

COLUMNS = ("path", "label", "split", "group", "domain")
SUFFIXES = (".csv", ".tsv", ".parquet")


class _Row(NamedTuple):
    path: Path
    label: str | None
    split: str
    group: str
    domain: str


class Manifest(Reader):
    """A .csv, .tsv or .parquet file, or a folder that holds a manifest with one of these endings."""

    precedence = 20
    summary: ClassVar[str] = "manifest.csv or .parquet with the columns path,label[,split][,group][,domain]"

    def recognizes(self, place: str) -> bool:
        return bool(_files(place))

    def read(self, place: str) -> RawDataset:
        return self._read(place, ("path", "label"))

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, ("path",))

    def _read(self, place: str, required: tuple[str, ...]) -> RawDataset:
        files = _files(place)
        if len(files) > 1:
            raise DataError(f"{place}: holds {' and '.join(file.name for file in files)}. Point at one of them.")
        table = read_table(files[0], COLUMNS, required)
        rows = _rows(table)
        check_distinct((row.label for row in rows if row.label is not None), table.place)
        rows, repeated = _without_repeats(rows)
        rows, missing = _without_missing(rows, table.place)
        return RawDataset(
            name=canonical(files[0].stem if files[0].stem.casefold() != "manifest" else files[0].resolve().parent.name) or "data",
            images=FileImages(tuple(row.path for row in rows)),
            labels=tuple(row.label for row in rows),
            splits=tuple(row.split for row in rows),
            groups=tuple(row.group for row in rows),
            domains=tuple(row.domain for row in rows),
            findings=(*ignored_columns(table.place, table.unknown, COLUMNS), *repeated, *missing),
        )


def _files(place: str) -> list[Path]:
    if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
        return [Path(place)] if place.lower().endswith(SUFFIXES) else []
    candidates = [os.path.join(place, f"manifest{suffix}") for suffix in SUFFIXES]  # noqa: PTH118
    return [Path(candidate) for candidate in candidates if os.path.isfile(candidate)]  # noqa: PTH113


def _rows(table: Table) -> list[_Row]:
    """The rows as written; a row to learn from that has no label is unlabeled, and an unlabeled row has no label."""
    folder = Path(table.place).parent
    rows: list[_Row] = []
    for row, (path, label) in enumerate(zip(table.columns["path"], table.column("label"), strict=True)):
        if not path:
            raise DataError(f"{table.where(row)}: has no path. Name the picture, relative to the manifest.")
        if "\0" in path:
            raise DataError(f"{table.where(row)}: path = {path!r} is not a file name. Correct it.")
        split, known = split_and_label(table.column("split")[row], label, table.where(row))
        place = Path(os.path.normpath(folder / path))
        rows.append(_Row(place, known, split, table.column("group")[row], table.column("domain")[row]))
    return rows


def _without_repeats(rows: list[_Row]) -> tuple[list[_Row], tuple[Finding, ...]]:
    """The rows without exact repetitions; rows that contradict each other are left for the splitter to judge."""
    unique = list(dict.fromkeys(rows))
    seen: set[_Row] = set()
    repeated = [str(row.path) for row in rows if row in seen or seen.add(row)]  # type: ignore[func-returns-value]
    title = f"Rows that repeat another row are left out ({len(repeated)})."
    return unique, _found("repeated-rows", title, repeated, "Delete the repetitions from the manifest.")


def _without_missing(rows: list[_Row], place: str) -> tuple[list[_Row], tuple[Finding, ...]]:
    missing = [str(row.path) for row in rows if not os.path.exists(row.path)]  # noqa: PTH110
    if len(missing) == len(rows):
        raise DataError(
            f"{place}: none of its {len(rows)} pictures exists (the first is {missing[0]}). "
            "Paths are relative to the manifest's folder; correct them or move the manifest."
        )
    gone = set(missing)
    title = f"Pictures that the manifest names and that do not exist are left out ({len(missing)})."
    existing = [row for row in rows if str(row.path) not in gone]
    return existing, _found("missing-files", title, missing, "Restore the files or delete their rows.")


def _found(code: str, title: str, paths: Sequence[str], advice: str) -> tuple[Finding, ...]:
    if not paths:
        return ()
    return (Finding.warning(code, title, advice, count=len(paths), paths=list(paths[:MOST_EXAMPLES])),)
