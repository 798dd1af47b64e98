"""Which rows of a listing can be used: unreadable, contradictory and leaking ones are left out, each with a Finding."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.duplicates import duplicate_groups, exact_groups, merged_groups
from headstart.data.listing import Listing
from headstart.data.scan import Scan

MOST_EXAMPLES = 20
LEAST_PER_CLASS = 2
"""Fewer rows of a class cannot be both learned from and checked on."""


@dataclass
class Sifted:
    """A listing's rows with what is known of each.

    Attributes:
        listing: The rows.
        scan: What one look at each told.
        usable: bool [sample]; False for rows left out.
        exact: int64 [sample], rows of equal bytes.
        copies: int64 [sample], exact and near copies.
        groups: int64 [sample], copies and given groups together.
        findings: What was noticed.
    """

    listing: Listing
    scan: Scan
    usable: Booleans
    exact: Integers
    copies: Integers
    groups: Integers
    findings: list[Finding] = field(default_factory=list)

    def names(self, rows: Integers) -> list[str]:
        """The first names of those rows, as evidence."""
        return [self.listing.images.name(int(row)) for row in rows[:MOST_EXAMPLES]]

    def in_split(self, *splits: str) -> Booleans:
        """Usable rows of those splits."""
        return self.usable & np.isin(np.array(self.listing.splits, dtype=object), splits)


def sifted(listing: Listing, scan: Scan) -> Sifted:
    """The rows with their groups, and with those left out that must not be used.

    Unlabeled rows that share a group with a test row are not among those: who makes a pool leaves them out.

    Args:
        listing: What the reader found.
        scan: A look at all of its rows.

    Returns:
        The rows; the findings start with the reader's own.
    """
    copies = duplicate_groups(scan)
    rows = Sifted(
        listing=listing,
        scan=scan,
        usable=np.array([not problem for problem in scan.problems], bool),
        exact=exact_groups(scan),
        copies=copies,
        groups=_with_given_groups(copies, listing.groups),
        findings=list(listing.findings),
    )
    _report_unreadable(rows)
    _report_copies(rows)
    _report_blank(rows)
    _leave_out_contradictory(rows)
    _leave_out_leaking(rows)
    _leave_out_unlabeled_test(rows)
    return rows


def _with_given_groups(copies: Integers, given: tuple[str, ...]) -> Integers:
    first: dict[str, int] = {}
    pairs = [(first.setdefault(name, row), row) for row, name in enumerate(given) if name]
    return merged_groups(copies, np.array(pairs, np.int64).reshape(-1, 2))


def _report_unreadable(rows: Sifted) -> None:
    bad = np.flatnonzero(~rows.usable)
    if len(bad) == 0:
        return
    rows.findings.append(
        Finding(
            code="unreadable-images",
            severity="warning",
            title=f"Images that cannot be read are left out ({len(bad)} of {len(rows.usable)}).",
            evidence={
                "count": len(bad),
                "total": len(rows.usable),
                "paths": rows.names(bad),
                "problems": [rows.scan.problems[row] for row in bad[:MOST_EXAMPLES]],
            },
            advice="Restore or delete these files and run again.",
        )
    )


def _report_copies(rows: Sifted) -> None:
    sizes = np.bincount(rows.copies[rows.usable], minlength=len(rows.copies))
    repeated = np.flatnonzero(sizes > 1)
    if len(repeated) == 0:
        return
    exact = int((rows.usable & (rows.exact != np.arange(len(rows.exact)))).sum())
    examples = [rows.names(np.flatnonzero(rows.usable & (rows.copies == group))) for group in repeated[:MOST_EXAMPLES]]
    count = int(sizes[repeated].sum())
    rows.findings.append(
        Finding(
            code="duplicate-images",
            severity="info",
            title=f"Images that are copies or near copies of one another ({count}, in {len(repeated)} groups) "
            "stay on one side of every split.",
            evidence={"images": count, "groups": len(repeated), "exact_copies": exact, "examples": examples},
        )
    )


def _report_blank(rows: Sifted) -> None:
    if rows.listing.images.embedded:
        return
    flat = rows.scan.thumbnails.reshape(len(rows.usable), -1)
    blank = np.flatnonzero(rows.usable & (np.ptp(flat, axis=1) == 0))
    if len(blank) == 0:
        return
    rows.findings.append(
        Finding(
            code="blank-images",
            severity="warning",
            title=f"Images of one even tone show nothing ({len(blank)}).",
            evidence={"count": len(blank), "paths": rows.names(blank)},
            advice="Delete them, unless an empty picture is what their class means.",
        )
    )


def _leave_out_contradictory(rows: Sifted) -> None:
    labels: dict[int, set[str]] = defaultdict(set)
    for row in np.flatnonzero(rows.usable):
        label = rows.listing.labels[row]
        if label is not None:
            labels[int(rows.exact[row])].add(label)
    clashing = {group: sorted(names) for group, names in labels.items() if len(names) > 1}
    if not clashing:
        return
    bad = np.flatnonzero(rows.usable & np.isin(rows.exact, list(clashing)))
    rows.usable[bad] = False
    rows.findings.append(
        Finding(
            code="contradictory-labels",
            severity="warning",
            title=f"Images whose very same picture carries different labels are left out ({len(bad)}).",
            evidence={"count": len(bad), "paths": rows.names(bad), "labels": list(clashing.values())[:MOST_EXAMPLES]},
            advice="Keep the right label of each picture and delete the other copies.",
        )
    )


def _leave_out_leaking(rows: Sifted) -> None:
    """Labeled rows to learn from that share a group with a given test or validation row; the later split keeps its copy."""
    labeled = np.array([label is not None for label in rows.listing.labels], bool)
    lost: Counter[str] = Counter()
    names: list[str] = []
    for kept, dropped in (("test", ("", "train", "validation")), ("validation", ("", "train"))):
        held = np.unique(rows.groups[rows.in_split(kept)])
        leaking = np.flatnonzero(rows.in_split(*dropped) & labeled & np.isin(rows.groups, held))
        rows.usable[leaking] = False
        lost.update({kept: len(leaking)})
        names += rows.names(leaking)
    if lost.total() == 0:
        return
    rows.findings.append(
        Finding(
            code="duplicate-across-splits",
            severity="warning",
            title="Images to learn from that are in a given test or validation split too, as a copy or by their group, "
            f"are left out ({lost.total()}).",
            evidence={"in_test": lost["test"], "in_validation": lost["validation"], "paths": names[:MOST_EXAMPLES]},
            advice="Remove the copies, or mend the split, so that the held-out images are new to the model.",
        )
    )


def _leave_out_unlabeled_test(rows: Sifted) -> None:
    missing = np.array([label is None for label in rows.listing.labels], bool)
    bad = np.flatnonzero(rows.in_split("test", "validation") & missing)
    if len(bad) == 0:
        return
    rows.usable[bad] = False
    rows.findings.append(
        Finding(
            code="unlabeled-test-images",
            severity="info",
            title=f"Test or validation images without a label are left out ({len(bad)}).",
            evidence={"count": len(bad), "paths": rows.names(bad)},
            advice="Label them, or move them to unlabeled.",
        )
    )


def leave_out_tiny(rows: Sifted, tiny: tuple[str, ...]) -> None:
    """Takes out the rows of those classes, and says so."""
    bad = np.array([name in tiny for name in rows.listing.labels], bool) & rows.usable
    rows.usable[bad] = False
    rows.findings.append(
        Finding(
            code="tiny-class",
            severity="warning",
            title=f"Classes with fewer than {LEAST_PER_CLASS} images to learn from are left out: {quoted(tiny)}.",
            evidence={"classes": list(tiny), "paths": rows.names(np.flatnonzero(bad))},
            advice="Add images of these classes, or merge them into others.",
        )
    )
