"""Source domains to pretrain on: a task as any other where there are classes, a pool of pictures where there are none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from headstart.core.types import UNLABELED
from headstart.data.images import FileImages, ImageSet
from headstart.data.listing import Listing
from headstart.data.scan import scan
from headstart.data.sifting import sifted
from headstart.data.splitting import LEAST_PER_CLASS, reader_for
from headstart.data.task import Task


def source_task(place: str | Path, seed: int = 0) -> Task:
    """The task of a source domain.

    Args:
        place: A path or the name of a built-in set.
        seed: Decides the split where none is given, and the folds.

    Returns:
        As `Task.from_folder` where two classes have images to learn from. Otherwise a task without classes, whose training rows
        are all pictures outside of given validation and test splits.

    Raises:
        DataError: The place cannot be used; one sentence.
    """
    listing = reader_for(str(place)).read(str(place))
    if len(learnable_classes(listing)) >= 2:
        return Task.from_folder(place, seed)
    return _without_classes(listing, str(place), seed)


def learnable_classes(listing: Listing) -> tuple[str, ...]:
    """The names of the classes with enough images to learn from, sorted."""
    learn = zip(listing.labels, listing.splits, strict=True)
    counts = Counter(label for label, split in learn if label is not None and split in ("", "train"))
    return tuple(sorted(label for label, count in counts.items() if count >= LEAST_PER_CLASS))


def _without_classes(listing: Listing, place: str, seed: int) -> Task:
    rows = sifted(listing, scan(listing.images))
    index = np.flatnonzero(rows.in_split("", "train", "unlabeled"))
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
