"""Leave domain out: a task whose splits and folds keep each domain whole, so that every number is one of unseen domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.errors import DataError, PlanError
from headstart.core.findings import Finding
from headstart.core.types import Integers
from headstart.data.class_names import natural_order, quoted
from headstart.data.cleaning import Cleaned
from headstart.data.joined import joined_rows
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.sources.labeled_rows import check_same_kind, labeled_source
from headstart.data.split_assignment import SplitAssignment


def raw_domains(place: Any, sources: Sequence[str], target: Sequence[str], per_class: int | None) -> RawDataset:
    """The rows of a place, and of further places; the domain of rows that name none is their place.

    Raises `PlanError` where a target is named or a number of images a class is given, and `DataError` where a place cannot be
    read or holds other rows than the first.
    """
    if per_class is not None:
        raise PlanError(
            f"--per-class {per_class} tests on domains that it learns from, and --leave-domain-out tests on other domains alone. "
            "Leave out one of the two."
        )
    if target:
        raise PlanError(
            f"--leave-domain-out leaves out each domain in turn, and --target-domain {target[0]} names one that is never learned "
            "from. Leave out one of the two."
        )
    raw = reader_for(place).read(place)
    if not sources:
        return raw
    found = [raw.in_name_order(), *map(labeled_source, sources)]
    for other in found[1:]:
        check_same_kind(raw.images, other.images, other.name)
    first = Path(place).resolve() if isinstance(place, str) else Path(raw.name)
    paths = [first, *(Path(source).resolve() for source in sources)]
    names = _distinct_names([one.name for one in found], paths)
    return joined_rows(
        [replace(one, domains=tuple(own or name for own in one.domains)) for one, name in zip(found, names, strict=True)]
    )


def _distinct_names(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The name of each place; where another place has the same one, as much of the end of its path as tells them apart.

    >>> _distinct_names(["ink", "photos", "photos"], [Path("/a/ink"), Path("/p/photos"), Path("/q/photos")])
    ['ink', 'p/photos', 'q/photos']
    """
    found = []
    for name, path in zip(names, paths, strict=True):
        others = [other for named, other in zip(names, paths, strict=True) if named == name and other != path]
        depth = next(depth for depth in count(1) if all(other.parts[-depth:] != path.parts[-depth:] for other in others))
        found.append("/".join(path.parts[-depth:]) if others else name)
    return found


def keep_domains_whole(rows: Cleaned) -> None:
    """Let the group of each row be its domain, in place.

    Whatever keeps groups whole then keeps domains whole: splits, folds, penalties and temperatures of heads, intervals. Copies of
    an image of another domain are left out of the later one, and so is every unlabeled image, as it would show a domain that is
    left out. A finding counts both, and labeled images whose given group lies in several domains.
    """
    raw, learned = rows.raw, rows.in_split("", "train") & rows.labeled
    unlabeled = rows.usable & ~rows.labeled
    first: dict[int, str] = {}
    elsewhere = np.zeros(len(learned), bool)
    for row in np.flatnonzero(learned):
        elsewhere[row] = first.setdefault(int(rows.groups[row]), raw.domains[row]) != raw.domains[row]
    given = np.isin(rows.groups, rows.groups[learned & np.array([bool(name) for name in raw.groups], bool)])
    copies, related = elsewhere & ~given, learned & np.isin(rows.groups, rows.groups[elsewhere & given])
    rows.usable[copies | unlabeled] = False
    number = {name: place for place, name in enumerate(natural_order(set(raw.domains) - {""}))}
    rows.groups = np.array([number.get(name, len(number) + row) for row, name in enumerate(raw.domains)], np.int64)
    counts = {"copies": int(copies.sum()), "unlabeled": int(unlabeled.sum()), "related": int(related.sum())}
    if any(counts.values()):
        rows.findings.append(_finding(counts, severe=counts["related"] > 0))


def _finding(counts: dict[str, int], *, severe: bool) -> Finding:
    title = (
        "Whole domains are left out: {copies} images that are copies of images of another domain and {unlabeled} unlabeled "
        "images are not learned from, and {related} images belong to groups that lie in several domains."
    ).format(**counts)
    advice = (
        "A left-out domain may be easier than a new one where its groups are learned from elsewhere: keep each group in one "
        "domain."
    )
    return (Finding.warning if severe else Finding.info)("leave-domain-out", title, advice if severe else "", **counts)


def check_domains(rows: Cleaned, labels: Integers, classes: tuple[str, ...], assignment: SplitAssignment, where: str) -> None:
    """Refuse rows whose domains cannot be left out, in one sentence that says what to do.

    Labels are int64 [sample]. `PlanError` where a validation split is given, `DataError` for anything else.
    """
    if assignment.validation.any():
        raise PlanError(
            f"{where} has a validation split, which chooses, and --leave-domain-out chooses by domains that are left out. "
            "Mark its images as train, or leave the option out."
        )
    index = np.flatnonzero(assignment.train)
    domains = np.array([rows.raw.domains[row] for row in index], dtype=object)
    tested = {rows.raw.domains[row] for row in np.flatnonzero(assignment.test)} - {""}
    if both := natural_order(tested & set(domains)):
        raise DataError(
            f"{where}: the domain {quoted(both[:1])} is in train and in test, so that it is learned from before it is tested. "
            "Move its images to one of the two, or leave out --leave-domain-out."
        )
    names = _checked_names(domains, where)
    shown = {name: np.unique(labels[index[domains == name]]) for name in names}
    single = next((name for name, found in shown.items() if len(found) < 2), None)
    if single is not None:
        raise DataError(
            f"{where}: the domain {quoted((single,))} has labeled images of {quoted((classes[shown[single][0]],))} alone, and "
            "left out it would tell nothing. Add images of another class to it, or take it away."
        )
    if (np.bincount(np.concatenate(list(shown.values()))) > 1).sum() < 2:
        raise DataError(
            f"{where}: fewer than two classes are in several domains, so that nothing can be learned from some domains for "
            "another. Add images of the same classes to each."
        )


def _checked_names(domains: Any, where: str) -> tuple[str, ...]:
    """The names of the domains of rows [sample]; `DataError` where rows have none, or all have the same."""
    names = natural_order(set(domains) - {""})
    if not names:
        raise DataError(
            f'{where}: names no domains, and --leave-domain-out leaves them out. Add a column "domain", or name other '
            "domains with --source."
        )
    if unnamed := int((domains == "").sum()):
        raise DataError(f'{where}: {unnamed:,} labeled images have no domain. Fill the column "domain" for --leave-domain-out.')
    if len(names) < 2:
        raise DataError(
            f"{where}: all images to learn from are of the domain {quoted(names)}, and --leave-domain-out needs two. Add another."
        )
    return names
