"""The split of a place: which rows are for training, validation and test, and which are used without their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.cleaning import Cleaned
from headstart.data.images import ImageSet
from headstart.data.splits import TEST_SHARE, held_out, rows_per_class
from headstart.data.task import HELD_OUT_ROWS, HOLDOUT_ROWS, Task


@dataclass
class SplitAssignment:
    """Masks over the rows, bool [sample]; disjoint.

    Attributes:
        train: Rows to learn from with their labels.
        validation: Rows that the user set aside for choosing.
        test: Rows for the final evaluation.
        unlabeled: Rows to learn from without labels.
        test_by_default: Whether the test rows were set aside because rows are many.
    """

    train: Booleans
    validation: Booleans
    test: Booleans
    unlabeled: Booleans
    test_by_default: bool = False


def check_shares(test: float | None, per_class: int | None, pool: bool) -> None:
    """Refuse shares and numbers of rows that contradict one another, before any image is read.

    Raises `PlanError` where `test` is no share or is given beside `per_class`, or `pool` is given without that.
    """
    if test is not None and not 0 <= test < 1:
        raise PlanError(f"test = {test:g} is no share of the labeled images. Give 0 or more, and less than 1, such as 0.2.")
    if pool and per_class is None:
        raise PlanError("pool takes the labels off all training images but per_class of each class. Set per_class, too.")
    if test is not None and per_class and not pool:
        raise PlanError(
            f"test = {test:g} has no effect beside per_class = {per_class}, which tests on all other images. Leave one out."
        )


def split_assignment(
    rows: Cleaned,
    labels: Integers,
    num_classes: int,
    seed: int,
    per_class: int | None = None,
    pool: bool = False,
    test: float | None = None,
) -> SplitAssignment:
    """The split of each row, as given or made here by the seed; unlabeled rows may still be copies of others, see `remove_used`.

    Labels are int64 [sample], -1 where unknown. `per_class` labeled training rows of each class are kept; with `pool`, the others
    become unlabeled rows. `test` is the share of test rows where none are given.

    Raises `PlanError` where a share is asked for and test rows are given.
    """
    train = rows.in_split("", "train") & rows.labeled
    unlabeled = rows.in_split("unlabeled") | (rows.in_split("", "train") & ~rows.labeled)
    assignment = SplitAssignment(train, rows.in_split("validation"), rows.in_split("test"), unlabeled)
    given_test = bool(assignment.test.any())
    if given_test and test is not None:
        count = int(assignment.test.sum())
        raise PlanError(
            f"test = {test:g} has no effect: {rows.raw.name} has a test split of its own ({count:,} images). Leave it out, or "
            "remove that split."
        )
    if not given_test and (pool or per_class is None):
        at = np.flatnonzero(train)
        share = _test_share(len(at), test, always=pool)
        assignment.test_by_default = test is None and share > 0 and not pool
        tested = held_out(labels[at], rows.groups[at], num_classes, seed, share) if share else np.zeros(len(at), bool)
        assignment.train, assignment.test = _mask(at[~tested], len(train)), _mask(at[tested], len(train))
    if per_class is not None:
        at = np.flatnonzero(assignment.train)
        keep, free = rows_per_class(labels[at], rows.groups[at], num_classes, per_class, seed)
        assignment.train = _mask(at[keep], len(train))
        if pool:
            assignment.unlabeled = assignment.unlabeled | _mask(at[~keep], len(train))
        elif not given_test:
            assignment.test = _mask(at[free], len(train))
    return assignment


def _test_share(num_rows: int, asked: float | None, *, always: bool) -> float:
    """The share of so many labeled rows that is set aside for a test.

    Without one that was asked for, that is none of few rows, which judge out of fold and are all learned from, and of many rows
    as many as one held-out fold has.
    """
    if asked is not None:
        return asked
    if always:
        return TEST_SHARE
    return min(TEST_SHARE, HELD_OUT_ROWS / num_rows) if num_rows >= HOLDOUT_ROWS else 0.0


def _mask(rows: Integers, count: int) -> Booleans:
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def remove_used(rows: Cleaned, assignment: SplitAssignment) -> None:
    """Leave out unlabeled rows that are copies of labeled rows or share a group with test rows, with a finding."""
    tested = assignment.unlabeled & np.isin(rows.groups, rows.groups[assignment.test])
    labeled = assignment.unlabeled & ~tested & np.isin(rows.copies, rows.copies[assignment.train | assignment.validation])
    used = np.flatnonzero(tested | labeled)
    assignment.unlabeled[used] = False
    if len(used):
        in_test, in_train = int(tested.sum()), int(labeled.sum())
        title = (
            f"Unlabeled images that are copies of labeled ones ({in_train}) or belong to test images ({in_test}) are left out."
        )
        advice = "Nothing needs doing: each picture is used once, with its label where it has one."
        evidence = {"in_test": in_test, "labeled": in_train, "paths": rows.names(used)}
        rows.findings.append(Finding.info("unlabeled-copies", title, advice, **evidence))


def report_untested(rows: Cleaned, classes: tuple[str, ...], labels: Integers, test: Booleans, *, wanted: bool = True) -> None:
    """Add a finding where there is no test set though one is wanted, or where classes have no test row."""
    tested = labels[test]
    counts = np.bincount(tested[tested != UNLABELED], minlength=len(classes))
    absent = [classes[label] for label in np.flatnonzero(counts == 0)]
    if not test.any() and wanted:
        title = "There are too few images to set any aside for a test."
        rows.findings.append(Finding.warning("no-test", title, "Add images until each class has at least five.", images=0))
    elif test.any() and absent:
        title = f"Classes without a test image ({len(absent)} of {len(classes)}): {quoted(tuple(absent))}."
        advice = "Add images of these classes; the test says nothing about them."
        rows.findings.append(Finding.warning("class-without-test", title, advice, classes=absent))


def report_what_judges(rows: Cleaned, assignment: SplitAssignment) -> None:
    """Add a finding that says what judges the model where a validation split is given and no test split."""
    num_validation, num_test = int(assignment.validation.sum()), int(assignment.test.sum())
    if not num_validation or rows.in_split("test").any():
        return
    chooses = f"the {num_validation:,} validation images choose among the candidates"
    if num_test:
        title = f"No test split is given: {num_test:,} images of train are set aside as the test, and {chooses}."
    else:
        title = f"No test split is given: {chooses} and judge the model, which then learns from them, too."
    advice = "Add a folder test/, or rows with split = test, for a number from images that chose nothing."
    rows.findings.append(Finding.info("no-test-split", title, advice, validation=num_validation, test=num_test))


def image_set(rows: Cleaned, classes: tuple[str, ...], labels: Integers, mask: Booleans, *, sealed: bool = False) -> ImageSet:
    """The rows of one part as a set; `labels` are int64 [sample] of all rows, -1 where unknown."""
    index = np.flatnonzero(mask)
    domains, given = (tuple(names[row] for row in index) for names in (rows.raw.domains, rows.raw.groups))
    return ImageSet(
        images=rows.raw.images.take(index),
        classes=classes,
        hidden_labels=labels[index],
        groups=rows.groups[index],
        domains=domains if any(domains) else (),
        sealed=sealed,
        given_groups=given if any(given) else (),
    ).with_content_keys(rows.scan.sha[row] for row in index)


def task_of(
    rows: Cleaned, classes: tuple[str, ...], labels: Integers, assignment: SplitAssignment, place: str, seed: int, shown: Booleans
) -> Task:
    """The task of these rows, without a source; pictures of the rows `shown` tell the native size and whether all are gray."""
    hidden = np.full_like(labels, UNLABELED)
    return Task(
        name=rows.raw.name,
        classes=classes,
        train=image_set(rows, classes, labels, assignment.train),
        validation=image_set(rows, classes, labels, assignment.validation) if assignment.validation.any() else None,
        test=image_set(rows, classes, labels, assignment.test, sealed=True) if assignment.test.any() else None,
        unlabeled=image_set(rows, classes, hidden, assignment.unlabeled) if assignment.unlabeled.any() else None,
        seed=seed,
        findings=tuple(rows.findings),
        place=place,
        test_by_default=assignment.test_by_default and bool(assignment.test.any()),
        native_pixels=0 if rows.raw.images.embedded else int(np.median(rows.scan.shorter_sides[shown])),
        channels=1 if rows.scan.gray[shown].all() else 3,
    )
