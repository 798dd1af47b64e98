"""Manifests: a table that names one picture a row, with its label and what else is known of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from headstart.core.errors import DataError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.data.class_names import canonical, check_distinct
from headstart.data.column_names import renamed_columns
from headstart.data.images import FileImages
from headstart.data.manifest_files import manifest_files, splits_of
from headstart.data.manifest_pictures import Located, located
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.split_names import split_and_label
from headstart.data.tables import Table, ignored_columns, read_table

COLUMNS = ("path", "label", "split", "group", "domain")
IS_VALID = "is_valid"
"""A column of fastai's tables: whether a row is one of the validation split, the others being for training."""
MEANT_BY_FLAGS = "True: validation, False: train"
FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


class _Row(NamedTuple):
    path: Path
    label: str | None
    split: str
    group: str
    domain: str


class Manifest(Reader):
    """A .csv, .tsv or .parquet file, a folder that holds a manifest with one of these endings, or a table beside pictures."""

    precedence = 20
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
        rows: list[_Row] = []
        findings: list[Finding] = []
        for file, split in zip(files, splits or [""], strict=True):
            table = read_table(file, (*COLUMNS, IS_VALID), required)
            pictures, found = located(file, table.columns["path"])
            rows += _rows(table, pictures, split)
            flags = {} if "split" in table.columns else {name: "split" for name, word in table.meant.items() if word == IS_VALID}
            findings += renamed_columns(table.place, table.meant | flags, dict.fromkeys(flags, MEANT_BY_FLAGS))
            findings += found
            findings += ignored_columns(table.place, table.unknown, COLUMNS)
        where = str(files[0]) if len(files) == 1 else place
        check_distinct((row.label for row in rows if row.label is not None), where)
        rows, repeated = _without_repeats(rows)
        rows, missing = _without_missing(rows, where)
        return RawDataset(
            name=_name_of(place, files),
            images=FileImages(tuple(row.path for row in rows)),
            labels=tuple(row.label for row in rows),
            splits=tuple(row.split for row in rows),
            groups=tuple(row.group for row in rows),
            domains=tuple(row.domain for row in rows),
            findings=(*findings, *repeated, *missing),
        )


def _name_of(place: str, files: list[Path]) -> str:
    """The name of a table that was pointed at, unless that is `manifest`, or else of its folder."""
    told = Path(place) == files[0] and files[0].stem.casefold() != "manifest"
    return canonical(files[0].stem if told else files[0].resolve().parent.name) or "data"


def _rows(table: Table, pictures: Located, split: str) -> list[_Row]:
    """The rows as written; a row to learn from that has no label is unlabeled, and an unlabeled row has no label."""
    rows: list[_Row] = []
    splits = table.columns.get("split") or _validation_flags(table) or [split] * len(table.rows)
    for row, (path, label) in enumerate(zip(table.columns["path"], table.column("label"), strict=True)):
        if not path:
            raise DataError(f"{table.where(row)}: has no path. Name the picture, relative to the manifest.")
        if "\0" in path:
            raise DataError(f"{table.where(row)}: path = {path!r} is not a file name. Correct it.")
        named, known = split_and_label(splits[row], label, table.where(row))
        rows.append(_Row(pictures.path(path), known, named, table.column("group")[row], table.column("domain")[row]))
    return rows


def _validation_flags(table: Table) -> list[str]:
    """The splits by fastai's column `is_valid`; empty where there is none."""
    splits = []
    for row, cell in enumerate(table.columns.get(IS_VALID, [])):
        if cell.casefold() not in FLAGS:
            raise DataError(f'{table.where(row)}: {IS_VALID} = "{cell}" is neither True nor False. Correct it.')
        splits.append("validation" if FLAGS[cell.casefold()] else "train")
    return splits


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
