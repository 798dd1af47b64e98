"""Which files of a place are manifests: the one that is pointed at, or the table beside pictures in a folder."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from headstart.core.errors import DataError
from headstart.data.column_names import columns_meant
from headstart.data.split_names import SPLIT_NAMES, holds_all_classes

SUFFIXES = (".csv", ".tsv", ".parquet")
FORMS_TO_FILL = re.compile(r"sample[_-]?submission", re.IGNORECASE)
OF_PREDICTIONS = "probability"
"""A column of the tables that `headstart predict` writes; what a model said is no label to learn from."""
HEADER_BYTES = 65_536


def manifest_files(place: str) -> list[Path]:
    """The tables that name the pictures of a place; none where it has another layout. Never raises.

    That is a file with the ending of a table, a `manifest` in a folder, or, where the folder has no class folders, the tables
    in it whose headings name paths and labels.
    """
    if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
        return [Path(place)] if place.lower().endswith(SUFFIXES) else []
    return named_manifests(place) or _tables_of_labels(place)


def named_manifests(folder: str) -> list[Path]:
    """The files of a folder that are called `manifest`; never raises."""
    named = [os.path.join(folder, f"manifest{suffix}") for suffix in SUFFIXES]  # noqa: PTH118
    return [Path(path) for path in named if os.path.isfile(path)]  # noqa: PTH113


def path_from(name: str, folder: Path) -> str:
    """The path of a file from a manifest's folder; what is no file keeps its name."""
    return os.path.relpath(name, folder or Path()) if Path(name).is_file() else name


def splits_of(files: list[Path]) -> list[str]:
    """The split of each of several files by its name, as in train.csv beside test.csv; empty where the names are no splits."""
    splits = [SPLIT_NAMES.get(file.stem.casefold(), "") for file in files]
    return splits if len(files) > 1 and all(splits) and len(set(splits)) == len(splits) else []


def _tables_of_labels(place: str) -> list[Path]:
    try:
        with os.scandir(place) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except (OSError, ValueError):
        return []
    tables = [entry for entry in entries if entry.name.lower().endswith((".csv", ".tsv")) and entry.is_file()]
    found = [Path(entry.path) for entry in tables if not FORMS_TO_FILL.search(entry.name) and _names_labels(entry.path)]
    return [] if not found or _has_class_folders(entries) else found


def _names_labels(path: str) -> bool:
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:  # noqa: PTH123
            header = stream.readline(HEADER_BYTES)
        names = [name.strip() for name in next(csv.reader([header], delimiter=max(",;\t", key=header.count)), [])]
        meant = columns_meant(names, ("path", "label"), path, lambda name: ())
    except (OSError, UnicodeDecodeError, csv.Error, DataError):
        return False
    return len(meant) == 2 and OF_PREDICTIONS not in (name.casefold() for name in names)


def _has_class_folders(entries: list[os.DirEntry[str]]) -> bool:
    folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__"))]
    splits = [entry for entry in folders if entry.name.casefold() in SPLIT_NAMES]
    classes = [entry for entry in folders if not holds_all_classes(entry.name)]
    return len(classes) > 1 or any(_has_folders(entry.path) for entry in splits)


def _has_folders(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.is_dir() and not entry.name.startswith(".") for entry in entries)
    except OSError:
        return False
