"""Source rows: the labeled rows of other domains than the target, as found in their places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.core.errors import DataError, did_you_mean
from headstart.core.types import Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.cleaning import Cleaned, cleaned
from headstart.data.duplicates import duplicate_groups, exact_groups
from headstart.data.images import Images
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.scan import Scan

LEARNED_FROM = ("", "train", "validation")


@dataclass
class SourceRows:
    """One source domain.

    Attributes:
        name: The domain's name.
        rows: Its labeled rows; those that are left out are not usable.
        place: Which place it comes from, 0 being the target's: groups given in one place are named alike.
    """

    name: str
    rows: Cleaned
    place: int

    @property
    def shares_groups(self) -> bool:
        """Whether its groups are named as the target's are."""
        return self.place == 0

    @property
    def class_names(self) -> set[str]:
        """The classes that its usable rows show, as its place calls them."""
        labels = self.rows.listing.labels
        return {name for row in np.flatnonzero(self.rows.usable) if (name := labels[row]) is not None}


def target_and_others(place: str, target: Sequence[str]) -> tuple[RawDataset, list[RawDataset]]:
    """The target's rows of a place, and the labeled rows of its other domains, one listing each.

    Args:
        place: A path or a built-in name.
        target: The domains that are the target; none where all rows are.

    Returns:
        The target's listing, and those of the others, named after the domains.

    Raises:
        DataError: The place cannot be used, or has no such domain or no other.
    """
    listing = reader_for(place).read_unsorted(place).in_name_order()
    if not target:
        return listing, []
    names = sorted(set(listing.domains) - {""})
    if not names:
        raise DataError(f'{place}: names no domains, so that {quoted(tuple(target))} is none of them. Add a column "domain".')
    unknown = next((name for name in target if name not in names), None)
    if unknown is not None:
        near = did_you_mean(unknown, names)
        raise DataError(f'{place}: has no domain "{unknown}".{near} Its domains are {quoted(tuple(names))}.')
    chosen = np.isin(np.array(listing.domains, dtype=object), list(target))
    others = _by_domain(listing.take(np.flatnonzero(~chosen)))
    return replace(listing.take(np.flatnonzero(chosen)), name="-".join([listing.name, *target])), others


def raw_sources(place: str) -> list[RawDataset]:
    """The labeled rows of a source place, one listing a domain, named after place and domain.

    Args:
        place: A path or a built-in name.

    Returns:
        At least one listing; rows of a given test split, and those without labels, are left out.

    Raises:
        DataError: The place cannot be used, or holds no labeled image outside of a test split.
    """
    listing = reader_for(place).read(place).in_name_order()
    found = _by_domain(listing)
    if not found:
        raise DataError(f"{place}: is given as a source and has no labeled image to learn from. Put one folder a class there.")
    several = len(set(listing.domains)) > 1
    return [replace(one, name=f"{listing.name}/{one.name}" if several else listing.name) for one in found]


def _by_domain(listing: RawDataset) -> list[RawDataset]:
    labeled = np.array([label is not None for label in listing.labels], bool)
    rows = np.flatnonzero(labeled & np.isin(np.array(listing.splits, dtype=object), LEARNED_FROM))
    domains = np.array([listing.domains[row] for row in rows], dtype=object)
    return [
        replace(part, name=name or listing.name, splits=("",) * len(part.labels))
        for name in dict.fromkeys(domains.tolist())
        for part in [listing.take(rows[domains == name])]
    ]


def check_same_kind(target: Images, source: Images, name: str) -> None:
    """Refuse to learn from vectors for pictures, or from vectors of another width.

    Args:
        target: The target's rows.
        source: A source's rows.
        name: What the message calls the source.

    Raises:
        DataError: They do not fit together.
    """
    if target.embedded != source.embedded:
        kinds = ("feature vectors", "pictures")
        mine, other = kinds if target.embedded else kinds[::-1]
        raise DataError(f'The target consists of {mine}, and the source "{name}" of {other}. Give both as {mine}.')
    if target.embedded and target.vectors().shape[1] != source.vectors().shape[1]:
        raise DataError(
            f'The target has {target.vectors().shape[1]} features a row, and the source "{name}" has '
            f"{source.vectors().shape[1]}. Make both with the same network."
        )


def cleaned_sources(places: Sequence[Sequence[RawDataset]]) -> list[SourceRows]:
    """The sources with their rows looked at; names that several have are numbered.

    Args:
        places: One listing a source, place by place; the target's place comes first, with none where no source lies there.

    Returns:
        The sources, in the same order.
    """
    taken: set[str] = set()
    found = []
    for number, listing in ((number, listing) for number, listings in enumerate(places) for listing in listings):
        name = listing.name
        while name in taken:
            name = f"{listing.name} ({len(taken) + 1})"
        taken.add(name)
        found.append(SourceRows(name, cleaned(listing), number))
    return found


def copies_of(target: Cleaned, source: Cleaned) -> Booleans:
    """Which usable source rows are copies or near copies of a usable target row, bool [source sample]."""
    groups = duplicate_groups(_joined([target.scan, source.scan]))
    num = len(target.scan)
    return source.usable & np.isin(groups[num:], groups[:num][target.usable])


@dataclass(frozen=True)
class Shared:
    """What of one source stands in others, too.

    Attributes:
        copies: Usable rows that are copies or near copies of an earlier source's rows of the same class, int64 [row].
        contradictory: Usable rows whose very same picture an earlier source calls otherwise, int64 [row].
        kin: int64 [row], for all rows: which of them, and of all sources' rows, are copies of one picture.
    """

    copies: Integers
    contradictory: Integers
    kin: Integers


def shared_rows(sources: Sequence[SourceRows], labels: Sequence[Sequence[str | None]]) -> list[Shared]:
    """What stands in several sources.

    Args:
        sources: The first of two that share a picture is the one to keep it.
        labels: The class of each row, by the names that all sources share.

    Returns:
        One a source.
    """
    nothing = np.empty(0, np.int64)
    if len(sources) < 2:
        return [Shared(nothing, nothing, np.arange(len(source.rows.usable))) for source in sources]
    scans = _joined([source.rows.scan for source in sources])
    exact, kin = exact_groups(scans), duplicate_groups(scans)
    pictures: dict[int, set[str | None]] = defaultdict(set)
    earlier: set[tuple[int, str | None]] = set()
    found, start = [], 0
    for source, names in zip(sources, labels, strict=True):
        own = slice(start, start := start + len(names))
        rows = np.flatnonzero(source.rows.usable)
        of_picture = [(row, int(exact[own][row]), int(kin[own][row]), names[row]) for row in rows.tolist()]
        copies = [row for row, _, group, name in of_picture if (group, name) in earlier]
        clashing = [row for row, picture, _, name in of_picture if pictures[picture] - {name}]
        for _, picture, group, name in of_picture:
            pictures[picture].add(name)
            earlier.add((group, name))
        found.append(Shared(np.array(copies, np.int64), np.setdiff1d(np.array(clashing, np.int64), copies), kin[own]))
    return found


def _joined(scans: Sequence[Scan]) -> Scan:
    return Scan(
        problems=tuple(problem for one in scans for problem in one.problems),
        sha=tuple(key for one in scans for key in one.sha),
        dhash=np.concatenate([one.dhash for one in scans]),
        thumbnails=np.concatenate([one.thumbnails for one in scans]),
        shorter_sides=np.concatenate([one.shorter_sides for one in scans]),
        gray=np.concatenate([one.gray for one in scans]),
    )
