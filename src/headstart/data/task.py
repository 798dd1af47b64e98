"""Task: what is to be learned, with its labels split, its test labels sealed and its folds fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.arguments import checked
from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.records import fingerprint_of
from headstart.core.shown import Page, Shown, drawn
from headstart.core.types import Integers
from headstart.core.verbs import public
from headstart.data.folds import Fold, folds_with_two_classes
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.summary import TaskSummary
from headstart.data.task_card import card_of, line_of

NUM_FOLDS = 5
"""The usual number in cross-validation."""
MOST_DOMAIN_FOLDS = 10
"""Up to so many domains each is left out alone; of more, several at a time. Chosen, not measured."""
HOLDOUT_ROWS = 5_000
"""From this many labeled rows on, one held-out fold is used instead of five: its standard error is small enough."""
HELD_OUT_ROWS = 3_000
"""Rows of that one fold, at most: a standard error of half a point at 90 % accuracy."""


@dataclass(frozen=True, repr=False)
class Task(Shown):
    """What is to be learned, and from what. `len` counts all of its images, and `print` shows a card of ten lines.

    Attributes:
        name: Short name, fit for a folder name.
        classes: Class names in label order.
        train: Labeled rows to learn from; none where all labels are those of a source.
        validation: Labeled rows the user set aside for choosing; None when folds of `train` do that.
        test: Sealed rows for the final evaluation; None when there are none. A row without a label is of a class that no labeled
            row has: it is to be rejected.
        unlabeled: Rows without labels; None when there are none.
        source: Labeled rows of one source domain or several, each row's in `source.domains`; None when there is none.
        seed: The seed of the split and of the folds.
        findings: What reading and splitting noticed.
        place: The path or built-in name it was read from.
        native_pixels: Median of the pictures' shorter sides; 0 for feature vectors.
        channels: 1 when every picture is gray, else 3.
        test_share: The share of labeled rows that was asked for as a test; None for the default.
        test_by_default: Whether the test rows were set aside because rows are many, and not because someone asked for it: the
            model is then fitted to them, too, once it is judged.
        per_class: How many labeled rows a class it was asked to keep; None for all.
        source_places: The places that sources were read from, as they were given.
        target_domains: The target's names in the place's own column of domains, as they were given.
        leave_domain_out: Whether the group of each row is its domain, so that splits and folds leave out whole domains.
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
    test_share: float | None = None
    test_by_default: bool = False
    per_class: int | None = None
    source_places: tuple[str, ...] = ()
    target_domains: tuple[str, ...] = ()
    leave_domain_out: bool = False

    @staticmethod
    def from_folder(place: str | Path, seed: int = 0, **options: Any) -> Task:
        """The task in a folder, or in any other place; arguments as of `headstart.read_task`."""
        task: Task = public("read_task")(place, seed, **options)
        return task

    @staticmethod
    def from_csv(place: str | Path, seed: int = 0, **options: Any) -> Task:
        """The task that a table lists, one image a row (.csv, .tsv or .parquet); arguments as of `headstart.read_task`."""
        return Task.from_folder(place, seed, **options)

    @staticmethod
    def from_frame(frame: Any, seed: int = 0, **options: Any) -> Task:
        """The task of a frame of pandas or polars with paths or pictures and labels; arguments as of `headstart.read_task`."""
        return Task.from_dataset(frame, seed, **options)

    @staticmethod
    def from_dataset(dataset: Any, seed: int = 0, **options: Any) -> Task:
        """The task of a Dataset of Hugging Face's `datasets` or of torch; arguments as of `headstart.read_task`."""
        task: Task = public("read_task")(dataset, seed, **options)
        return task

    @staticmethod
    def from_arrays(images: Any, labels: Any, **options: Any) -> Task:
        """The task of pictures in memory, arrays or Pillow images, with a label each; arguments as of `headstart.read_arrays`."""
        task: Task = public("read_arrays")(images, labels, **options)
        return task

    def __len__(self) -> int:
        """The number of its images: labeled and unlabeled ones, those of the test and of sources."""
        return sum(len(part) for part in (self.train, self.validation, self.test, self.unlabeled, self.source) if part)

    def __bool__(self) -> bool:
        """True, as of any object: an empty task is a task."""
        return True

    def __repr__(self) -> str:
        return line_of(self)

    def __str__(self) -> str:
        return card_of(self)

    @checked
    def show(self, per_class: int = 4) -> Page:
        """A page of its labeled images by class, so many of each; a notebook shows it, and `open` a browser.

        Test images are not shown. `DataError` where the task has feature vectors, which cannot be shown.
        """
        if per_class < 1:
            raise DataError(f"per_class = {per_class}: ask for one image of a class or more.")
        if self.train.images.embedded:
            raise DataError(f"{self.name} has feature vectors, which cannot be shown. Read the task from its images.")
        return Page(f"Images of {self.name} by class", drawn("html_of_images", self, per_class))

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
        """Every row to learn from without labels: train, then unlabeled."""
        rows = self.train if self.unlabeled is None else concatenate(self.train, self.unlabeled)
        return rows.without_labels()

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds of `labeled` that every candidate is compared on.

        One fold when the user set validation aside, or when there are many rows; five otherwise, if there are so many groups.
        None where no class has rows in two groups, as it could not be held out without being lost. More folds cost more and are
        no nearer to the truth where classes are small: of 100 emoji, five folds are 1.7 points below the accuracy of the model on
        all of them, ten 2.9 and leave-one-out 3.9, as a held-out row's class is then the smallest. Of 100 digits it is 0.7, 0.1
        and 0.0 points. Where whole domains are left out, each is held out once, however many rows there are.
        """
        num_train = len(self.train)
        if self.leave_domain_out:
            return folds_with_two_classes(self.train.labels, self.train.groups, MOST_DOMAIN_FOLDS, self.seed)
        if self.validation is not None:
            return (Fold(np.arange(num_train), np.arange(num_train, len(self.labeled))),)
        many = num_train >= HOLDOUT_ROWS
        num_folds = max(NUM_FOLDS, num_train // HELD_OUT_ROWS) if many else NUM_FOLDS
        folds = folds_with_two_classes(self.train.labels, self.train.groups, num_folds, self.seed)
        return folds[:1] if many else folds

    @property
    def splits_given(self) -> bool:
        """Whether validation or test rows were set aside by someone's wish, and not because rows are many."""
        return self.validation is not None or (self.test is not None and not self.test_by_default)

    @property
    def why_no_folds(self) -> str:
        """Why there can be no folds, the first words of a sentence; for a task that has none."""
        return "No class has two labels" if self._lacks_labels else "No class has labels in two groups"

    @property
    def what_allows_folds(self) -> str:
        """What to label so that there can be folds, in a sentence; for a task that has none."""
        return f"Label at least two {'images' if self._lacks_labels else 'groups of images'} of a class."

    @property
    def _lacks_labels(self) -> bool:
        return bool(self.train.class_counts.max(initial=0) < 2)

    def restricted_to(self, rows: Integers) -> Task:
        """The sub-task whose training rows are those rows of `labeled`; without validation and without test."""
        return replace(self, train=self.labeled.take(rows), validation=None, test=None, test_by_default=False)

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
        image_sets = [self.train, self.validation, self.test, self.unlabeled, self.source]
        protocol = ["leave domain out"] if self.leave_domain_out else []
        return fingerprint_of([self.seed, self.classes, *(part.fingerprint if part else None for part in image_sets), *protocol])
