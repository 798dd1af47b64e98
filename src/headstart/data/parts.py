"""Parts: which rows of a place are learned from, chosen by, tested on, or seen without their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.findings import Finding
from headstart.core.types import UNLABELED, Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.images import ImageSet
from headstart.data.partition import held_out, kept_per_class
from headstart.data.sifting import Sifted
from headstart.data.task import Task


@dataclass
class Parts:
    """Masks over the rows, bool [sample]; disjoint.

    Attributes:
        train: Rows to learn from with their labels.
        validation: Rows that the user set aside for choosing.
        test: Rows for the final evaluation.
        unlabeled: Rows to learn from without labels.
    """

    train: Booleans
    validation: Booleans
    test: Booleans
    unlabeled: Booleans


def check_pool(pool: bool, per_class: int | None) -> None:
    """Refuse a pool of the training rows that are not among `per_class` where there is no such number."""
    if pool and per_class is None:
        raise PlanError("pool takes the labels off all training images but per_class of each class. Set per_class, too.")


def parts_of(rows: Sifted, labels: Integers, num_classes: int, seed: int, per_class: int | None, pool: bool) -> Parts:
    """Who goes where.

    Args:
        rows: All rows.
        labels: int64 [sample], -1 where unknown.
        num_classes: Number of classes.
        seed: Decides the split where none is given, and which rows are kept.
        per_class: Labeled rows to keep of each class; all when None.
        pool: Keep the other training rows as unlabeled ones.

    Returns:
        The parts.
    """
    missing = np.array([name is None for name in rows.listing.labels], bool)
    train = rows.in_split("", "train") & ~missing
    unlabeled = rows.in_split("unlabeled") | (rows.in_split("", "train") & missing)
    parts = Parts(train, rows.in_split("validation"), rows.in_split("test"), unlabeled)
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


def pool_findings(rows: Sifted, parts: Parts) -> list[Finding]:
    """Takes out unlabeled rows that are used elsewhere already, and says how many.

    Args:
        rows: All rows.
        parts: Where they go; `unlabeled` is changed.

    Returns:
        At most one finding.
    """
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


def image_set(rows: Sifted, classes: tuple[str, ...], labels: Integers, mask: Booleans, *, sealed: bool = False) -> ImageSet:
    """The rows of one part.

    Args:
        rows: All rows.
        classes: Class names in label order.
        labels: int64 [sample], -1 where unknown.
        mask: bool [sample]: which rows.
        sealed: Whether the labels may not be read.

    Returns:
        The set.
    """
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


def task_of(
    rows: Sifted, classes: tuple[str, ...], labels: Integers, parts: Parts, place: str, seed: int, shown: Booleans
) -> Task:
    """The task of these rows, without a source.

    Args:
        rows: All rows, with their findings.
        classes: Class names in label order.
        labels: int64 [sample], -1 where unknown.
        parts: Where the rows go.
        place: The path or built-in name they were read from.
        seed: Of split and folds.
        shown: bool [sample]: the rows whose pictures tell the native size and whether all are gray.

    Returns:
        The task.
    """
    hidden = np.full_like(labels, UNLABELED)
    return Task(
        name=rows.listing.name,
        classes=classes,
        train=image_set(rows, classes, labels, parts.train),
        validation=image_set(rows, classes, labels, parts.validation) if parts.validation.any() else None,
        test=image_set(rows, classes, labels, parts.test, sealed=True) if parts.test.any() else None,
        unlabeled=image_set(rows, classes, hidden, parts.unlabeled) if parts.unlabeled.any() else None,
        seed=seed,
        findings=tuple(rows.findings),
        place=place,
        native_pixels=0 if rows.listing.images.embedded else int(np.median(rows.scan.shorter_sides[shown])),
        channels=1 if rows.scan.gray[shown].all() else 3,
    )
