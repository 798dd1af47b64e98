"""Cleaning: which rows can be used. Unreadable, contradictory and leaking ones are left out, each kind with a Finding."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.core.types import Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.duplicates import duplicate_groups, exact_groups, merged_groups
from headstart.data.outputs import check_one_class
from headstart.data.raw_dataset import RawDataset
from headstart.data.scan import Scan, scan

LEAST_PER_CLASS = 2
"""A class needs one row to learn from and one to be checked on."""


@dataclass
class Cleaned:
    """The rows of a raw dataset, with what is known of each.

    Attributes:
        raw: The rows as the reader found them.
        scan: What was measured of each image.
        usable: bool [sample]; False for rows left out.
        exact: int64 [sample], the group of rows with the same bytes.
        copies: int64 [sample], the group of exact and near copies.
        groups: int64 [sample], copies and given groups together.
        findings: What was noticed; the reader's own come first.
    """

    raw: RawDataset
    scan: Scan
    usable: Booleans
    exact: Integers
    copies: Integers
    groups: Integers
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def labeled(self) -> Booleans:
        """Which rows have a label, bool [sample]."""
        return np.array([label is not None for label in self.raw.labels], bool)

    def names(self, rows: Integers) -> list[str]:
        """The first names of those rows, as evidence."""
        return [self.raw.images.name(int(row)) for row in rows[:MOST_EXAMPLES]]

    def in_split(self, *splits: str) -> Booleans:
        """Usable rows of those splits."""
        return self.usable & np.isin(np.array(self.raw.splits, dtype=object), splits)


def cleaned(raw: RawDataset) -> Cleaned:
    """The rows with their groups; unreadable, contradictory and leaking ones are marked unusable, each kind with a finding.

    Unlabeled rows that share a group with a test row stay usable here; `remove_used` leaves them out. Several labels an
    image, and numbers, are a `SeveralOutputsError`.
    """
    check_one_class(raw)
    found = scan(raw.images)
    copies = duplicate_groups(found)
    rows = Cleaned(
        raw=raw,
        scan=found,
        usable=np.array([not problem for problem in found.problems], bool),
        exact=exact_groups(found),
        copies=copies,
        groups=_with_given_groups(copies, raw.groups),
        findings=list(raw.findings),
    )
    for step in (
        _report_unreadable,
        _report_copies,
        _report_blank,
        _leave_out_contradictory,
        _leave_out_leaking,
        _leave_out_unlabeled_test,
    ):
        step(rows)
    return rows


def _with_given_groups(copies: Integers, given: tuple[str, ...]) -> Integers:
    first: dict[str, int] = {}
    pairs = [(first.setdefault(name, row), row) for row, name in enumerate(given) if name]
    return merged_groups(copies, np.array(pairs, np.int64).reshape(-1, 2))


def _report_unreadable(rows: Cleaned) -> None:
    bad = np.flatnonzero(~rows.usable)
    if len(bad):
        problems = [rows.scan.problems[row] for row in bad[:MOST_EXAMPLES]]
        title = f"Images that cannot be read are left out ({len(bad)} of {len(rows.usable)})."
        evidence = {"count": len(bad), "total": len(rows.usable), "paths": rows.names(bad), "problems": problems}
        rows.findings.append(
            Finding.warning("unreadable-images", title, "Restore or delete these files and run again.", **evidence)
        )


def _report_copies(rows: Cleaned) -> None:
    sizes = np.bincount(rows.copies[rows.usable], minlength=len(rows.copies))
    repeated = np.flatnonzero(sizes > 1)
    if len(repeated) == 0:
        return
    count = int(sizes[repeated].sum())
    rows.findings.append(
        Finding.info(
            "duplicate-images",
            f"Images that are copies or near copies of one another ({count}, in {len(repeated)} groups) "
            "stay on one side of every split.",
            images=count,
            groups=len(repeated),
            exact_copies=int((rows.usable & (rows.exact != np.arange(len(rows.exact)))).sum()),
            examples=[rows.names(np.flatnonzero(rows.usable & (rows.copies == group))) for group in repeated[:MOST_EXAMPLES]],
        )
    )


def _report_blank(rows: Cleaned) -> None:
    if rows.raw.images.embedded:
        return
    flat = rows.scan.thumbnails.reshape(len(rows.usable), -1)
    blank = np.flatnonzero(rows.usable & (np.ptp(flat, axis=1) == 0))
    if len(blank):
        title = f"Images of one even tone show nothing ({len(blank)})."
        advice = "Delete them, unless an empty picture is what their class means."
        rows.findings.append(Finding.warning("blank-images", title, advice, count=len(blank), paths=rows.names(blank)))


def _leave_out_contradictory(rows: Cleaned) -> None:
    labels: dict[int, set[str]] = defaultdict(set)
    for row in np.flatnonzero(rows.usable):
        label = rows.raw.labels[row]
        if label is not None:
            labels[int(rows.exact[row])].add(label)
    contradictory = {group: sorted(names) for group, names in labels.items() if len(names) > 1}
    if not contradictory:
        return
    bad = np.flatnonzero(rows.usable & np.isin(rows.exact, list(contradictory)))
    rows.usable[bad] = False
    rows.findings.append(
        Finding.warning(
            "contradictory-labels",
            f"Images whose very same picture carries different labels are left out ({len(bad)}).",
            "Keep the right label of each picture and delete the other copies.",
            count=len(bad),
            paths=rows.names(bad),
            labels=list(contradictory.values())[:MOST_EXAMPLES],
        )
    )


def _leave_out_leaking(rows: Cleaned) -> None:
    """Leave out labeled rows to learn from that share a group with a given test or validation row, and such validation rows."""
    lost: Counter[str] = Counter()
    names: list[str] = []
    for split, others in (("test", ("", "train", "validation")), ("validation", ("", "train"))):
        groups = np.unique(rows.groups[rows.in_split(split)])
        leaking = np.flatnonzero(rows.in_split(*others) & rows.labeled & np.isin(rows.groups, groups))
        rows.usable[leaking] = False
        lost[split] = len(leaking)
        names += rows.names(leaking)
    if lost.total():
        rows.findings.append(
            Finding.warning(
                "duplicate-across-splits",
                "Images to learn from that are in a given test or validation split too, as a copy or by their group, "
                f"are left out ({lost.total()}).",
                "Remove the copies, or mend the split, so that the held-out images are new to the model.",
                in_test=lost["test"],
                in_validation=lost["validation"],
                paths=names[:MOST_EXAMPLES],
            )
        )


def _leave_out_unlabeled_test(rows: Cleaned) -> None:
    bad = np.flatnonzero(rows.in_split("test", "validation") & ~rows.labeled)
    if len(bad):
        rows.usable[bad] = False
        title = f"Test or validation images without a label are left out ({len(bad)})."
        advice = "Label them, or move them to unlabeled."
        rows.findings.append(Finding.info("unlabeled-test-images", title, advice, count=len(bad), paths=rows.names(bad)))


def leave_out_tiny(rows: Cleaned, tiny: tuple[str, ...]) -> None:
    """Leave out the rows of classes with too few images, with a finding."""
    bad = np.array([name in tiny for name in rows.raw.labels], bool) & rows.usable
    rows.usable[bad] = False
    title = f"Classes with fewer than {LEAST_PER_CLASS} images to learn from are left out: {quoted(tiny)}."
    advice = "Add images of these classes, or merge them into others."
    paths = rows.names(np.flatnonzero(bad))
    rows.findings.append(Finding.warning("tiny-class", title, advice, classes=list(tiny), paths=paths))
