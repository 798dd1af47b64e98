"""Source domains to pretrain on: a task as any other where there are classes, a pool of pictures where there are none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Booleans
from headstart.data.cleaning import LEAST_PER_CLASS, Cleaned, cleaned
from headstart.data.images import FileImages, ImageSet
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.readers.folders import Folders
from headstart.data.reading import read_task
from headstart.data.task import Task


def source_task(place: str | Path, seed: int = 0) -> Task:
    """The task of a source domain.

    Args:
        place: A path or the name of a built-in set.
        seed: Decides the split where none is given, and the folds.

    Returns:
        As `read_task` where two classes have images to learn from. Otherwise a task without classes, whose training rows
        are all pictures outside of given validation and test splits; those that lie in the folder itself, where it has no other.

    Raises:
        DataError: The place cannot be used; one sentence.
    """
    listing = source_listing(str(place))
    if len(learnable_classes(listing)) >= 2:
        return read_task(place, seed)
    return _without_classes(listing, str(place), seed)


def source_listing(place: str) -> RawDataset:
    """What the reader finds in a source domain; a folder with pictures and no class folders holds unlabeled ones."""
    reader = reader_for(place)
    return reader.read_unsorted(place) if isinstance(reader, Folders) else reader.read(place)


def learnable_classes(listing: RawDataset) -> tuple[str, ...]:
    """The names of the classes with enough images to learn from, sorted."""
    learn = zip(listing.labels, listing.splits, strict=True)
    counts = Counter(label for label, split in learn if label is not None and split in ("", "train"))
    return tuple(sorted(label for label, count in counts.items() if count >= LEAST_PER_CLASS))


def _without_classes(listing: RawDataset, place: str, seed: int) -> Task:
    rows = cleaned(listing)
    free = rows.in_split("", "train", "unlabeled")
    tested = free & _of_held_out(rows)
    rows.findings += _source_findings(rows, tested)
    index = np.flatnonzero(free & ~tested)
    if isinstance(listing.images, FileImages):  # whose order the file system decides
        index = np.array(sorted(index, key=lambda row: listing.images.name(int(row))), np.int64)
    images = ImageSet(listing.images.take(index), (), np.full(len(index), UNLABELED, np.int64), rows.groups[index])
    sides = rows.scan.shorter_sides[index]
    return Task(
        name=listing.name,
        classes=(),
        train=images,
        seed=seed,
        findings=tuple(rows.findings),
        place=place,
        native_pixels=0 if listing.images.embedded or not len(index) else int(np.median(sides)),
        channels=1 if rows.scan.gray[index].all() else 3,
    )


def _of_held_out(rows: Cleaned) -> Booleans:
    """Rows that are copies of given test or validation rows, or of their groups; labels are not asked for."""
    given = np.isin(np.array(rows.listing.splits, dtype=object), ("test", "validation"))
    return np.isin(rows.groups, rows.groups[given])


def _source_findings(rows: Cleaned, tested: Booleans) -> list[Finding]:
    found = []
    names = sorted({label for label in rows.listing.labels if label is not None})
    if len(names) == 1:
        found.append(
            Finding(
                code="one-class",
                severity="info",
                title=f'There is one class only ("{names[0]}"), so that labels teach nothing: none is used.',
                evidence={"classes": names},
                advice="Nothing needs doing, unless there should be more: put one folder a class there.",
            )
        )
    if tested.any():
        found.append(
            Finding(
                code="unlabeled-copies",
                severity="info",
                title=f"Unlabeled images that belong to given test or validation images ({int(tested.sum())}) are left out.",
                evidence={"in_test": int(tested.sum()), "labeled": 0, "paths": rows.names(np.flatnonzero(tested))},
                advice="Nothing needs doing: the held-out images stay new to the model.",
            )
        )
    return found
