"""From a place to a Task: the reader is found, every row looked at, copies grouped, splits made, the test set sealed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import numpy as np

from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Booleans, Integers
from headstart.data.built_in import built_in_names
from headstart.data.images import FileImages
from headstart.data.listing import Listing
from headstart.data.parts import image_set, parts_of, pool_findings
from headstart.data.readers import READERS
from headstart.data.readers.base import Reader
from headstart.data.scan import scan
from headstart.data.sifting import Sifted, sifted
from headstart.data.task import Task

T = TypeVar("T", bound=Task)
LEAST_PER_CLASS = 2
"""Fewer rows of a class cannot be both learned from and checked on."""


def task_from(cls: type[T], place: str, seed: int, per_class: int | None, pool: bool = False) -> T:
    """The task read from a path or a built-in name; see `Task.from_folder`.

    Args:
        cls: The class to make.
        place: A path or a built-in name.
        seed: Decides the split.
        per_class: Training rows to keep of each class; all when None.
        pool: Keep the other training rows as unlabeled ones.

    Returns:
        The task.

    Raises:
        DataError: The place cannot be used.
        PlanError: `per_class` is too small, or there is a pool without it.
    """
    if per_class is not None and per_class < 1:
        raise PlanError(f"per_class = {per_class}: at least 1 labeled image a class is needed. Raise it.")
    if pool and per_class is None:
        raise PlanError("pool takes the labels off all training images but per_class of each class. Set per_class, too.")
    listing = in_name_order(reader_for(place).read(place))
    rows = sifted(listing, scan(listing.images))
    classes, labels = _labels(rows, place)
    parts = parts_of(rows, labels, len(classes), seed, per_class, pool)
    rows.findings += pool_findings(rows, parts)
    rows.findings += test_findings(classes, labels, parts.test)
    train = np.flatnonzero(parts.train)
    sides = rows.scan.shorter_sides[train]
    return cls(
        name=listing.name,
        classes=classes,
        train=image_set(rows, classes, labels, parts.train),
        validation=image_set(rows, classes, labels, parts.validation) if parts.validation.any() else None,
        test=image_set(rows, classes, labels, parts.test, sealed=True) if parts.test.any() else None,
        unlabeled=image_set(rows, classes, np.full_like(labels, UNLABELED), parts.unlabeled) if parts.unlabeled.any() else None,
        seed=seed,
        findings=tuple(rows.findings),
        place=place,
        native_pixels=0 if listing.images.embedded else int(np.median(sides)),
        channels=1 if rows.scan.gray[train].all() else 3,
    )


def reader_for(place: str) -> Reader:
    """The reader of highest precedence that recognizes the place.

    Args:
        place: A path or a built-in name.

    Returns:
        A reader.

    Raises:
        DataError: There is nothing of that name, or no reader knows the layout.
    """
    if not place.strip():
        raise DataError(f'"{place}" names no place. Give a folder, a file, or the name of a built-in set.')
    readers = sorted((kind() for kind in READERS.all().values()), key=lambda reader: -reader.precedence)
    for reader in readers:
        if reader.recognizes(place):
            return reader
    path = Path(place)
    if not path.exists():
        state = "is a link to something that is gone" if path.is_symlink() else "does not exist"
        names = built_in_names()
        raise DataError(
            f'"{place}" {state}, and no built-in set has that name.{did_you_mean(place, names)} '
            f"Give a folder, a file, or one of: {', '.join(sorted(names))}."
        )
    known = "; ".join(sorted(kind.summary.rstrip(".") for kind in READERS.all().values()))
    raise DataError(f"{place}: no known layout of images. Known: {known}.")


def in_name_order(listing: Listing) -> Listing:
    """Files in the order of their names, so that the split does not depend on the order of the file system."""
    if not isinstance(listing.images, FileImages):
        return listing
    return listing.take(np.array(sorted(range(len(listing.images)), key=listing.images.name), np.int64))


def natural_order(names: set[str]) -> tuple[str, ...]:
    """Names in the order that people expect: numbers by value, text by letter.

    >>> natural_order({"10", "9", "1"}), natural_order({"b10", "b9"})
    (('1', '9', '10'), ('b9', 'b10'))
    """

    def key(name: str) -> tuple[list[tuple[int, int, str]], str]:
        parts = re.split(r"([0-9]+)", name)
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part], name

    return tuple(sorted(names, key=key))


def _labels(rows: Sifted, place: str) -> tuple[tuple[str, ...], Integers]:
    """The classes of the rows to learn from, and the label of each row; rows of unusable classes are taken out."""
    given = rows.listing.labels
    learn = rows.in_split("", "train")
    counts: dict[str, int] = {}
    for row in np.flatnonzero(learn):
        name = given[row]
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    if not counts:
        raise DataError(f"{place}: no readable image has a label to learn from. Put images into one folder a class.")
    _refuse_unknown_classes(rows, set(counts), place)
    tiny = natural_order({name for name, count in counts.items() if count < LEAST_PER_CLASS})
    classes = natural_order(set(counts) - set(tiny))
    if len(classes) < 2:
        raise DataError(
            f"{place}: {quoted(natural_order(set(counts)))} {'is the only class' if len(counts) == 1 else 'are the classes'}"
            f"{'' if len(counts) == 1 else f', and fewer than two of them have {LEAST_PER_CLASS} images to learn from'}. "
            "Add images until two classes have at least two each."
        )
    if tiny:
        leave_out_tiny(rows, tiny)
    index = {name: label for label, name in enumerate(classes)}
    return classes, np.array([UNLABELED if name is None else index.get(name, UNLABELED) for name in given], np.int64)


def quoted(names: tuple[str, ...]) -> str:
    """The first ten names for a message, in quotes."""
    return ", ".join(f'"{name}"' for name in names[:10]) + (", ..." if len(names) > 10 else "")


def _refuse_unknown_classes(rows: Sifted, known: set[str], place: str) -> None:
    for split in ("validation", "test"):
        met = {name for row in np.flatnonzero(rows.in_split(split)) if (name := rows.listing.labels[row]) is not None}
        if extra := natural_order(met - known):
            raise DataError(
                f"{place}: {split} has images of {quoted(extra)}, of which train has none. "
                f"Add training images of it, or remove it from {split}."
            )


def leave_out_tiny(rows: Sifted, tiny: tuple[str, ...]) -> None:
    """Takes out the rows of those classes, and says so."""
    bad = np.array([name in tiny for name in rows.listing.labels], bool) & rows.usable
    rows.usable[bad] = False
    rows.findings.append(
        Finding(
            code="tiny-class",
            severity="warning",
            title=f"Classes with fewer than {LEAST_PER_CLASS} images to learn from are left out: {quoted(tiny)}.",
            evidence={"classes": list(tiny), "paths": rows.names(np.flatnonzero(bad))},
            advice="Add images of these classes, or merge them into others.",
        )
    )


def test_findings(classes: tuple[str, ...], labels: Integers, test: Booleans) -> list[Finding]:
    """What the test set cannot show."""
    if not test.any():
        return [
            Finding(
                code="no-test",
                severity="warning",
                title="There are too few images to set any aside for a test.",
                evidence={"images": 0},
                advice="Add images until each class has at least five.",
            )
        ]
    tested = labels[test]
    counts = np.bincount(tested[tested != UNLABELED], minlength=len(classes))
    absent = [classes[label] for label in np.flatnonzero(counts == 0)]
    if not absent:
        return []
    return [
        Finding(
            code="class-without-test",
            severity="warning",
            title=f"Classes without a test image ({len(absent)} of {len(classes)}): {quoted(tuple(absent))}.",
            evidence={"classes": absent},
            advice="Add images of these classes; the test says nothing about them.",
        )
    ]
