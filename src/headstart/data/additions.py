"""Additions: labeled images that come after a task was learned, of classes that it knows or of new ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.types import Booleans, Integers
from headstart.data.class_names import labels_of
from headstart.data.cleaning import cleaned
from headstart.data.folds import stratified_folds
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.readers import reader_for

NUM_FOLDS = 5
"""One image in five of each class is held out where the place has no test split."""
LEAST_PER_CLASS = 2
"""One to learn from, and one to measure by."""


@dataclass(frozen=True)
class Addition:
    """Images to add to what is known.

    Attributes:
        name: Short name.
        place: The path or built-in name it was read from.
        learn: Labeled rows to learn from; the classes are the known ones, then the new ones.
        held_out: Labeled rows to measure by; no copy of one is in `learn`.
        added: The new classes.
        findings: What reading noticed.
    """

    name: str
    place: str
    learn: ImageSet = field(repr=False)
    held_out: ImageSet = field(repr=False)
    added: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes when any picture or label changes."""
        return f"{self.learn.fingerprint}{self.held_out.fingerprint}"


def read_addition(place: str, known: tuple[str, ...], seed: int = 0, without: Collection[str] = ()) -> Addition:
    """The labeled images of a place, as an addition to a task of the `known` classes; one class suffices.

    Pictures with a content key in `without` are left out: the task has learned from them or is tested on them. The seed decides
    what is held out where no test split is given.

    So few images of known classes that none can be held out are all learned from.

    Raises `DataError` where the place cannot be used, holds no labeled image, has one image of a new class, or leaves nothing
    to learn from, or nothing of a new class to measure by.
    """
    raw = reader_for(place).read(place)
    rows = cleaned(raw)
    index = np.flatnonzero(rows.in_split("", "train", "validation", "test") & rows.labeled)
    index = index[[raw.images.content_key(int(row)) not in without for row in index]] if len(index) else index
    if not len(index):
        raise DataError(f"{place} holds no readable image with a label that is not known already. Give labeled images.")
    names = [str(raw.labels[row]) for row in index]
    added = tuple(sorted(set(names) - set(known)))
    classes = (*known, *added)
    labels = labels_of(names, classes)
    _check_counts(place, labels, classes, len(known))
    images = ImageSet(raw.images.take(index), classes, labels, rows.groups[index])
    given = np.array([raw.splits[row] == "test" for row in index], bool)
    held_out = given if given.any() else _held_out(labels, images.groups, seed)
    _check_neither_empty(place, held_out, bool(added))
    return Addition(raw.name, place, images.take(~held_out), images.take(held_out), added, tuple(rows.findings))


def _check_counts(place: str, labels: Integers, classes: tuple[str, ...], num_known: int) -> None:
    new = range(num_known, len(classes))
    counts = np.bincount(labels, minlength=len(classes))
    rare = next((classes[label] for label in new if counts[label] < LEAST_PER_CLASS), None)
    if rare is not None:
        raise DataError(f'{place} has one image of "{rare}". Two are needed: one to learn from, and one to measure by.')


def _check_neither_empty(place: str, held_out: Booleans, with_new_classes: bool) -> None:
    if held_out.all():
        raise DataError(f"{place} has new images in its test split only. Add some to learn from.")
    if with_new_classes and not held_out.any():
        raise DataError(
            f"{place} leaves no image to measure by: those of a class are copies of one another, or of one group. Add others."
        )


def _held_out(labels: Integers, groups: Integers, seed: int) -> Booleans:
    """A part of each class. A group with rows outside that part is not held out, unless nothing else could be."""
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(np.unique(groups[rows])) > 1:
            held_out[rows[stratified_folds(np.zeros(len(rows), np.int64), groups[rows], NUM_FOLDS, seed)[0].held_out]] = True
    apart = held_out & ~np.isin(groups, groups[~held_out])
    return apart if apart.any() else _whole_groups(labels, groups, np.unique(groups[held_out]))


def _whole_groups(labels: Integers, groups: Integers, wanted: Integers) -> Booleans:
    """The rows of those groups, without groups that hold all rows of a class."""
    held_out = np.zeros(len(labels), bool)
    for group in wanted:
        more = held_out | (groups == group)
        if len(np.unique(labels[~more])) == len(np.unique(labels)):
            held_out = more
    return held_out


def all_of(sets: Sequence[ImageSet], classes: tuple[str, ...]) -> ImageSet:
    """Several sets as one, each with groups of its own; the classes of each set are the first ones of `classes`."""
    whole = replace(sets[0], classes=classes)
    for part in sets[1:]:
        shifted = part.groups + int(whole.groups.max(initial=-1)) + 1
        whole = concatenate(whole, replace(part, classes=classes, groups=shifted))
    return whole
