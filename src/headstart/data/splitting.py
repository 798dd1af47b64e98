"""From a place to a Task: the reader is found, every row looked at, copies grouped, splits made, the test set sealed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Booleans, Integers
from headstart.data.built_in import built_in_names
from headstart.data.images import FileImages, ImageSet
from headstart.data.listing import Listing
from headstart.data.partition import held_out, kept_per_class
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
    listing = _in_name_order(reader_for(place).read(place))
    rows = sifted(listing, scan(listing.images))
    classes, labels = _labels(rows, place)
    parts = _parts(rows, labels, len(classes), seed, per_class, pool)
    rows.findings += _pool_findings(rows, parts)
    rows.findings += _test_findings(classes, labels, parts.test)
    train = np.flatnonzero(parts.train)
    sides = rows.scan.shorter_sides[train]
    return cls(
        name=listing.name,
        classes=classes,
        train=_image_set(rows, classes, labels, parts.train),
        validation=_image_set(rows, classes, labels, parts.validation) if parts.validation.any() else None,
        test=_image_set(rows, classes, labels, parts.test, sealed=True) if parts.test.any() else None,
        unlabeled=_image_set(rows, classes, np.full_like(labels, UNLABELED), parts.unlabeled) if parts.unlabeled.any() else None,
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


def _in_name_order(listing: Listing) -> Listing:
    """Files in the order of their names, so that the split does not depend on the order of the file system."""
    if not isinstance(listing.images, FileImages):
        return listing
    order = sorted(range(len(listing.images)), key=listing.images.name)

    def arranged(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values[row] for row in order)

    return Listing(
        name=listing.name,
        images=listing.images.take(np.array(order, np.int64)),
        labels=tuple(listing.labels[row] for row in order),
        splits=arranged(listing.splits),
        groups=arranged(listing.groups),
        domains=arranged(listing.domains),
        findings=listing.findings,
    )


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
            f"{place}: {_quoted(natural_order(set(counts)))} {'is the only class' if len(counts) == 1 else 'are the classes'}"
            f"{'' if len(counts) == 1 else f', and fewer than two of them have {LEAST_PER_CLASS} images to learn from'}. "
            "Add images until two classes have at least two each."
        )
    if tiny:
        _leave_out_tiny(rows, tiny)
    index = {name: label for label, name in enumerate(classes)}
    return classes, np.array([UNLABELED if name is None else index.get(name, UNLABELED) for name in given], np.int64)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names[:10]) + (", ..." if len(names) > 10 else "")


def _refuse_unknown_classes(rows: Sifted, known: set[str], place: str) -> None:
    for split in ("validation", "test"):
        met = {name for row in np.flatnonzero(rows.in_split(split)) if (name := rows.listing.labels[row]) is not None}
        if extra := natural_order(met - known):
            raise DataError(
                f"{place}: {split} has images of {_quoted(extra)}, of which train has none. "
                f"Add training images of it, or remove it from {split}."
            )


def _leave_out_tiny(rows: Sifted, tiny: tuple[str, ...]) -> None:
    bad = np.array([name in tiny for name in rows.listing.labels], bool) & rows.usable
    rows.usable[bad] = False
    rows.findings.append(
        Finding(
            code="tiny-class",
            severity="warning",
            title=f"Classes with fewer than {LEAST_PER_CLASS} images to learn from are left out: {_quoted(tiny)}.",
            evidence={"classes": list(tiny), "paths": rows.names(np.flatnonzero(bad))},
            advice="Add images of these classes, or merge them into others.",
        )
    )


@dataclass
class _Parts:
    """Masks over the rows, bool [sample]; disjoint."""

    train: Booleans
    validation: Booleans
    test: Booleans
    unlabeled: Booleans


def _parts(rows: Sifted, labels: Integers, num_classes: int, seed: int, per_class: int | None, pool: bool) -> _Parts:
    missing = np.array([name is None for name in rows.listing.labels], bool)
    train = rows.in_split("", "train") & ~missing
    unlabeled = rows.in_split("unlabeled") | (rows.in_split("", "train") & missing)
    parts = _Parts(train, rows.in_split("validation"), rows.in_split("test"), unlabeled)
    given_test = bool(parts.test.any())
    if not given_test and (pool or per_class is None):
        at = np.flatnonzero(train)
        held = held_out(labels[at], rows.groups[at], num_classes, seed)
        parts.train, parts.test = _mask(at[~held], len(train)), _mask(at[held], len(train))
    if per_class is not None:
        at = np.flatnonzero(parts.train)
        keep, free = kept_per_class(labels[at], rows.groups[at], num_classes, per_class, seed)
        parts.train = _mask(at[keep], len(train))
        if pool:
            parts.unlabeled = parts.unlabeled | _mask(at[~keep], len(train))
        elif not given_test:
            parts.test = _mask(at[free], len(train))
    return parts


def _mask(rows: Integers, count: int) -> Booleans:
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def _pool_findings(rows: Sifted, parts: _Parts) -> list[Finding]:
    """Takes out unlabeled rows that are used elsewhere already, and says how many."""
    tested = parts.unlabeled & np.isin(rows.groups, rows.groups[parts.test])
    labeled = parts.unlabeled & ~tested & np.isin(rows.copies, rows.copies[parts.train | parts.validation])
    parts.unlabeled = parts.unlabeled & ~(tested | labeled)
    counts = int(tested.sum()), int(labeled.sum())
    if sum(counts) == 0:
        return []
    return [
        Finding(
            code="unlabeled-copies",
            severity="info",
            title=f"Unlabeled images that are copies of labeled ones ({counts[1]}) or belong to test images ({counts[0]}) "
            "are left out.",
            evidence={"in_test": counts[0], "labeled": counts[1], "paths": rows.names(np.flatnonzero(tested | labeled))},
            advice="Nothing needs doing: each picture is used once, with its label where it has one.",
        )
    ]


def _test_findings(classes: tuple[str, ...], labels: Integers, test: Booleans) -> list[Finding]:
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
    counts = np.bincount(labels[test], minlength=len(classes))
    absent = [classes[label] for label in np.flatnonzero(counts == 0)]
    if not absent:
        return []
    return [
        Finding(
            code="class-without-test",
            severity="warning",
            title=f"Classes without a test image ({len(absent)} of {len(classes)}): {_quoted(tuple(absent))}.",
            evidence={"classes": absent},
            advice="Add images of these classes; the test says nothing about them.",
        )
    ]


def _image_set(rows: Sifted, classes: tuple[str, ...], labels: Integers, mask: Booleans, *, sealed: bool = False) -> ImageSet:
    index = np.flatnonzero(mask)
    domains = tuple(rows.listing.domains[row] for row in index)
    chosen = ImageSet(
        images=rows.listing.images.take(index),
        classes=classes,
        hidden_labels=labels[index],
        groups=rows.groups[index],
        domains=domains if any(domains) else (),
        sealed=sealed,
    )
    chosen.__dict__["content_keys"] = tuple(rows.scan.sha[row] for row in index)
    return chosen
