"""Task: what is to be learned, with its labels split, its test labels sealed and its folds fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from headstart.core.findings import Finding
from headstart.core.records import fingerprint_of
from headstart.core.types import Integers
from headstart.data.folds import Fold, stratified_folds
from headstart.data.images import ImageSet
from headstart.data.summary import TaskSummary

NUM_FOLDS = 5
HOLDOUT_ROWS = 5_000
"""From this many labeled rows on, one held-out fold decides instead of five: its error bar is small enough."""
HELD_ROWS = 3_000
"""Rows of that one fold, at most: enough for a standard error of half a point at 90 % accuracy."""


@dataclass(frozen=True)
class Task:
    """What is to be learned, and from what.

    Attributes:
        name: Short name, fit for a folder name.
        classes: Class names in label order.
        train: Labeled rows to learn from; none where all labels are those of a source.
        validation: Labeled rows the user set aside for choosing; None when folds of `train` do that.
        test: Sealed rows for the final evaluation; None when there are none. A row without a label there is of a class that
            no labeled row shows: the right answer to it is none.
        unlabeled: Rows without labels; None when there are none.
        source: Labeled rows of one source domain or several, each row's in `source.domains`; None when there is none.
        seed: The seed of the split and of the folds.
        findings: What reading and splitting noticed.
        place: The path or built-in name it was read from.
        native_pixels: Median of the pictures' shorter sides; 0 for feature vectors.
        channels: 1 when every picture is gray, else 3.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    validation: ImageSet | None = None
    test: ImageSet | None = None
    unlabeled: ImageSet | None = None
    source: ImageSet | None = None
    seed: int = 0
    findings: tuple[Finding, ...] = ()
    place: str = ""
    native_pixels: int = 0
    channels: int = 3

    @classmethod
    def from_folder(
        cls,
        place: str | Path,
        seed: int = 0,
        per_class: int | None = None,
        pool: bool = False,
        *,
        sources: Sequence[str | Path] = (),
        target: Sequence[str] = (),
    ) -> Self:
        """The task read from a path or a built-in name.

        Any layout that a reader recognizes is accepted: class folders, given splits, a manifest, embeddings, CIFAR archives,
        IDX files, or the name of a built-in set. Unreadable images are left out and reported; exact and near duplicates and
        given groups stay on one side of every split.

        Args:
            place: A path or the name of a built-in set.
            seed: Decides the split where none is given, and the folds.
            per_class: Keep only this many labeled training rows a class; without a given test split, all others become
                the test set. 0 takes all labels but the test's off a target that has sources.
            pool: Keep the other training rows without their labels, as unlabeled ones, so that label budgets can be studied; the
                test set is then the one that there is without `per_class`.
            sources: Places of labeled images of other domains, each of any layout; the place itself may then hold no labels.
            target: Names of domains in the place's own column `domain`: the labeled rows of its other domains are sources.

        Returns:
            The task.

        Raises:
            DataError: The place cannot be used; one sentence.
        """
        from headstart.data.domains import task_with_sources  # noqa: PLC0415  imports this module
        from headstart.data.splitting import task_from  # noqa: PLC0415  imports this module

        if sources or target:
            return task_with_sources(cls, str(place), seed, per_class, pool, [str(source) for source in sources], tuple(target))
        return task_from(cls, str(place), seed, per_class, pool)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @cached_property
    def labeled(self) -> ImageSet:
        """Every row whose label may be used for choosing and for the final fit: train, then validation."""
        return self.train if self.validation is None else concatenate(self.train, self.validation)

    @cached_property
    def pool(self) -> ImageSet:
        """Every row that may be learned from without its label: train, then unlabeled; their labels are hidden."""
        rows = self.train if self.unlabeled is None else concatenate(self.train, self.unlabeled)
        return rows.without_labels()

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds that every candidate is judged on: rows of `labeled`.

        One fold when the user set validation aside, or when there are many rows; none where no class has two rows, as whoever is
        fitted without one of them has never seen its class; five otherwise.
        """
        num_train = len(self.train)
        if self.validation is not None:
            return (Fold(np.arange(num_train), np.arange(num_train, len(self.labeled))),)
        if self.train.class_counts.max() < 2:
            return ()
        many = num_train >= HOLDOUT_ROWS
        num_folds = max(NUM_FOLDS, num_train // HELD_ROWS) if many else NUM_FOLDS
        folds = stratified_folds(self.train.labels, self.train.groups, num_folds, self.seed)
        return folds[:1] if many else folds

    def restricted_to(self, rows: Integers) -> Task:
        """The sub-task whose training rows are those rows of `labeled`; without validation and without test."""
        return replace(self, train=self.labeled.take(rows), validation=None, test=None)

    def summary(self) -> TaskSummary:
        """The task's numbers."""
        return TaskSummary(
            name=self.name,
            place=self.place,
            classes=self.classes,
            train_counts=tuple(int(count) for count in self.train.class_counts),
            num_train=len(self.train),
            num_validation=len(self.validation) if self.validation else 0,
            num_test=len(self.test) if self.test else 0,
            num_unlabeled=len(self.unlabeled) if self.unlabeled else 0,
            num_source=len(self.source) if self.source else 0,
            source_domains=self.source.domain_names if self.source else (),
            native_pixels=self.native_pixels,
            channels=self.channels,
            seed=self.seed,
            task_fingerprint=self.fingerprint,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any picture, label, split, class name or the seed changes."""
        parts = [self.train, self.validation, self.test, self.unlabeled, self.source]
        return fingerprint_of([self.seed, self.classes, *(part.fingerprint if part else None for part in parts)])


def concatenate(first: ImageSet, second: ImageSet) -> ImageSet:
    """Two sets of the same classes as one; the first one's rows come first."""
    from headstart.data.joined import JoinedImages  # noqa: PLC0415

    both = ImageSet(
        images=JoinedImages(first.images, second.images),
        classes=first.classes,
        hidden_labels=np.concatenate([first.hidden_labels, second.hidden_labels]),
        groups=np.concatenate([first.groups, second.groups]),
        domains=first.domains + second.domains if first.domains and second.domains else (),
        sealed=first.sealed or second.sealed,
    )
    if "content_keys" in first.__dict__ and "content_keys" in second.__dict__:
        both.__dict__["content_keys"] = first.content_keys + second.content_keys
    return both
