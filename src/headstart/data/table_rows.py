"""Rows of tables that name pictures or hold them: label, split, group and domain of each, by the headings of the columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from headstart.core.errors import DataError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.data.addresses import shown_name
from headstart.data.column_names import renamed_columns
from headstart.data.images import FileImages, Images
from headstart.data.outputs import TARGET, cells_of_labels, check_names, number_in
from headstart.data.raw_dataset import RawDataset
from headstart.data.split_names import split_and_label
from headstart.data.tables import Table, ignored_columns

COLUMNS = ("path", "label", "split", "group", "domain", TARGET)
IS_VALID = "is_valid"
"""A column of fastai's tables: whether a row is one of the validation split, the others being for training."""
MEANT_BY_FLAGS = "True: validation, False: train"
FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


class Told(NamedTuple):
    """What a table tells of one picture."""

    label: str | None
    split: str
    group: str
    domain: str
    is_number: bool = False
    plural: bool = False


class PictureRow(NamedTuple):
    """One picture in a file, and what a table tells of it."""

    path: Path
    told: Told


def told_of(table: Table, split: str = "") -> list[Told]:
    """What each row tells; a row to learn from that has no label is unlabeled, and an unlabeled row has no label.

    `split` is that of the whole table, where no column tells it.
    """
    splits = table.columns.get("split") or _validation_flags(table) or [split] * len(table.rows)
    told = []
    numbers = TARGET in table.columns
    plural = any(word == "label" and heading.strip().casefold() == "labels" for heading, word in table.meant.items())
    labels = table.column(TARGET if numbers else "label")
    heading = next((name for name, word in table.meant.items() if word == TARGET), TARGET)
    for row, (label, group, domain) in enumerate(zip(labels, *map(table.column, ("group", "domain")), strict=True)):
        named, known = split_and_label(splits[row], label, table.where(row))
        shown = known if known is None or not numbers else repr(number_in(known, table.where(row), heading))
        told.append(Told(shown, named, group, domain, numbers, plural))
    return told


def headings_read(table: Table) -> tuple[Finding, ...]:
    """Findings that name the headings that are read as others, and the columns that mean nothing."""
    flags = {} if "split" in table.columns else {name: "split" for name, word in table.meant.items() if word == IS_VALID}
    renamed = renamed_columns(table.place, table.meant | flags, dict.fromkeys(flags, MEANT_BY_FLAGS))
    return (*renamed, *ignored_columns(table.place, table.unknown, COLUMNS))


def check_paths(table: Table, relative: str) -> None:
    """Refuse rows whose path is none; `relative` says what paths are relative to."""
    for row, path in enumerate(table.columns["path"]):
        if not path:
            raise DataError(f"{table.where(row)}: has no path. Name the picture, {relative}.")
        if "\0" in path:
            raise DataError(f"{table.where(row)}: path = {path!r} is not a file name. Correct it.")


def picture_rows(table: Table, path_of: Callable[[str], Path], split: str, relative: str) -> list[PictureRow]:
    """The rows of a table with a column of paths; `relative` says what these are relative to, for messages."""
    check_paths(table, relative)
    paths = map(path_of, table.columns["path"])
    return [PictureRow(path, told) for path, told in zip(paths, told_of(table, split), strict=True)]


def raw_of(rows: list[PictureRow], name: str, where: str, advice: str, findings: Sequence[Finding]) -> RawDataset:
    """The rows whose pictures exist, each once; `advice` says what to do where none does."""
    rows, repeated = _without_repeats(rows)
    rows, missing = _without_missing(rows, where, advice)
    return raw_with(
        FileImages(tuple(row.path for row in rows)), [row.told for row in rows], name, where, (*findings, *repeated, *missing)
    )


def raw_with(images: Images, told: Sequence[Told], name: str, where: str, findings: Sequence[Finding]) -> RawDataset:
    """The raw dataset of those pictures and what is told of each."""
    numbers = {one.is_number for one in told if one.label is not None}
    if len(numbers) > 1:
        raise DataError(
            f"{where}: some of its tables hold numbers to predict, and others classes. Let all have the same columns."
        )
    cells = cells_of_labels([one.label for one in told], where, numbers=True in numbers, plural=any(one.plural for one in told))
    check_names(cells, where)
    return RawDataset(
        name=name,
        images=images,
        labels=cells.labels,
        splits=tuple(one.split for one in told),
        groups=tuple(one.group for one in told),
        domains=tuple(one.domain for one in told),
        findings=(*findings, *cells.findings),
        outputs=cells.outputs,
        written=cells.written,
    )


def _validation_flags(table: Table) -> list[str]:
    """The splits by fastai's column `is_valid`; empty where there is none."""
    splits = []
    for row, cell in enumerate(table.columns.get(IS_VALID, [])):
        if cell.casefold() not in FLAGS:
            raise DataError(f'{table.where(row)}: {IS_VALID} = "{cell}" is neither True nor False. Correct it.')
        splits.append("validation" if FLAGS[cell.casefold()] else "train")
    return splits


def _without_repeats(rows: list[PictureRow]) -> tuple[list[PictureRow], tuple[Finding, ...]]:
    """The rows without exact repetitions; rows that contradict each other are left for the splitter to judge."""
    unique = list(dict.fromkeys(rows))
    seen: set[PictureRow] = set()
    repeated = [shown_name(row.path) for row in rows if row in seen or seen.add(row)]  # type: ignore[func-returns-value]
    title = f"Rows that repeat another row are left out ({len(repeated)})."
    return unique, _found("repeated-rows", title, repeated, "Delete the repetitions from the manifest.")


def _without_missing(rows: list[PictureRow], place: str, advice: str) -> tuple[list[PictureRow], tuple[Finding, ...]]:
    missing = [row.path for row in rows if not os.path.exists(row.path)]  # noqa: PTH110
    names = list(map(shown_name, missing))
    if len(missing) == len(rows):
        raise DataError(f"{place}: none of its {len(rows)} pictures exists (the first is {names[0]}). {advice}")
    gone = set(missing)
    title = f"Pictures that the manifest names and that do not exist are left out ({len(missing)})."
    existing = [row for row in rows if row.path not in gone]
    return existing, _found("missing-files", title, names, "Restore the files or delete their rows.")


def _found(code: str, title: str, paths: Sequence[str], advice: str) -> tuple[Finding, ...]:
    if not paths:
        return ()
    return (Finding.warning(code, title, advice, count=len(paths), paths=list(paths[:MOST_EXAMPLES])),)
