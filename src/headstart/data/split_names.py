"""The names under which people keep their splits."""

from __future__ import annotations

import re

from headstart.core.errors import DataError, did_you_mean
from headstart.data.class_names import canonical

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "unlabeled": "unlabeled",
    "unlabelled": "unlabeled",
}
"""Usual name, in lower case, to the name in `headstart.data.raw_dataset.SPLITS`."""


OF_PICTURES = re.compile(
    r"(?=.*[a-z])(train|training|val|valid|validation|test|testing|all|raw|image|img|picture|pic|photo|jpe?g|png|data|[\W_\d]|s)+",
    re.IGNORECASE,
)
"""Names such as `images`, `train_images` or `test-jpg`, of folders that hold the pictures of all classes."""


def holds_all_classes(folder: str) -> bool:
    """Whether a folder of that name holds the pictures of all classes, and not those of one."""
    return OF_PICTURES.fullmatch(folder) is not None


def split_named(name: str, where: str) -> str:
    """The split, of `SPLITS`, that a cell of a table names; empty where the cell is. Messages name the row as `where`."""
    if not name:
        return ""
    split = SPLIT_NAMES.get(name.casefold())
    if split is None:
        near = did_you_mean(name.casefold(), SPLIT_NAMES)
        raise DataError(f'{where}: split = "{name}" is not a split.{near} Use train, validation, test, unlabeled, or nothing.')
    return split


def split_and_label(split: str, label: str, where: str) -> tuple[str, str | None]:
    """The split and class name of a row of a table, made to agree.

    A row to learn from that has no label is unlabeled, and an unlabeled row has no label.
    """
    named = split_named(split, where)
    if named == "unlabeled" or (not label and named in {"", "train"}):
        return "unlabeled", None
    return named, canonical(label) or None
