"""Source domains to pretrain on: a task as any other where there are classes, a pool of pictures where there are none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Integers
from headstart.data.cleaning import LEAST_PER_CLASS, Cleaned, cleaned
from headstart.data.images import FileImages, ImageSet
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.readers.folders import Folders
from headstart.data.reading import read_task
from headstart.data.splits import TEST_SHARE
from headstart.data.task import Task


def source_task(place: str | Path, seed: int = 0) -> Task:
    """The task of a source domain, as `read_task` gives it, where two classes have images to learn from.

    A fifth is set aside as a test where none is given: to judge a pretraining out of fold would cost several of them.
    Otherwise a task without classes. Its training rows are all pictures outside of given validation and test splits; of a folder
    without such pictures, those that lie in the folder itself.
    """
    raw = raw_source(str(place))
    if len(learnable_classes(raw)) >= 2:
        return read_task(place, seed, test=None if "test" in raw.splits else TEST_SHARE)
    return _without_classes(raw, str(place), seed)


def raw_source(place: str) -> RawDataset:
    """What the reader finds in a source domain; a folder with pictures and no class folders holds unlabeled ones."""
    reader = reader_for(place)
    return reader.read_unsorted(place) if isinstance(reader, Folders) else reader.read(place)


def learnable_classes(raw: RawDataset) -> tuple[str, ...]:
    """The names of the classes with enough images to learn from, sorted."""
    learn = zip(raw.labels, raw.splits, strict=True)
    counts = Counter(label for label, split in learn if label is not None and split in ("", "train"))
    return tuple(sorted(label for label, count in counts.items() if count >= LEAST_PER_CLASS))


def _without_classes(raw: RawDataset, place: str, seed: int) -> Task:
    rows = cleaned(raw)
    free = rows.in_split("", "train", "unlabeled")
    given = np.isin(np.array(rows.raw.splits, dtype=object), ("test", "validation"))
    tested = free & np.isin(rows.groups, rows.groups[given])  # copies of held-out rows, or of their groups; labels are not read
    _report(rows, np.flatnonzero(tested))
    index = np.flatnonzero(free & ~tested)
    if isinstance(raw.images, FileImages):  # whose order the file system decides
        index = np.array(sorted(index, key=lambda row: raw.images.name(int(row))), np.int64)
    images = ImageSet(raw.images.take(index), (), np.full(len(index), UNLABELED, np.int64), rows.groups[index])
    sides = rows.scan.shorter_sides[index]
    return Task(
        name=raw.name,
        classes=(),
        train=images,
        seed=seed,
        findings=tuple(rows.findings),
        place=place,
        native_pixels=0 if raw.images.embedded or not len(index) else int(np.median(sides)),
        channels=1 if rows.scan.gray[index].all() else 3,
    )


def _report(rows: Cleaned, tested: Integers) -> None:
    names = sorted({label for label in rows.raw.labels if label is not None})
    if len(names) == 1:
        title = f'There is one class only ("{names[0]}"), so that labels teach nothing: none is used.'
        advice = "Nothing needs doing, unless there should be more: put one folder a class there."
        rows.findings.append(Finding.info("one-class", title, advice, classes=names))
    if len(tested):
        title = f"Unlabeled images that belong to given test or validation images ({len(tested)}) are left out."
        advice = "Nothing needs doing: the held-out images stay new to the model."
        evidence = {"in_test": len(tested), "labeled": 0, "paths": rows.names(tested)}
        rows.findings.append(Finding.info("unlabeled-copies", title, advice, **evidence))
