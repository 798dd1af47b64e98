"""Source rows: the labeled rows of other domains than the target, as found in their places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.core.errors import DataError, did_you_mean
from headstart.core.types import Booleans, Integers
from headstart.data.class_names import quoted
from headstart.data.cleaning import Cleaned, cleaned
from headstart.data.duplicates import duplicate_groups, exact_groups
from headstart.data.images import Images
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.data.scan import joined_scans

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
        labels = self.rows.raw.labels
        return {name for row in np.flatnonzero(self.rows.usable) if (name := labels[row]) is not None}


def target_and_others(place: Any, target: Sequence[str]) -> tuple[RawDataset, list[RawDataset]]:
    """The rows of the domains `target` of a place, or all, and the labeled rows of its other domains, one raw dataset each."""
    raw = reader_for(place).read_unsorted(place).in_name_order()
    if not target:
        return raw, []
    place = place if isinstance(place, str) else raw.name
    names = sorted(set(raw.domains) - {""})
    if not names:
        raise DataError(f'{place}: names no domains, so that {quoted(tuple(target))} is none of them. Add a column "domain".')
    unknown = next((name for name in target if name not in names), None)
    if unknown is not None:
        near = did_you_mean(unknown, names)
        raise DataError(f'{place}: has no domain "{unknown}".{near} Its domains are {quoted(tuple(names))}.')
    chosen = np.isin(np.array(raw.domains, dtype=object), list(target))
    others = _by_domain(raw.take(np.flatnonzero(~chosen)))
    return replace(raw.take(np.flatnonzero(chosen)), name="-".join([raw.name, *target])), others


def raw_sources(place: str) -> list[RawDataset]:
    """The labeled rows of a source place outside of a given test split, one raw dataset a domain, at least one."""
    raw = _source(place)
    several = len(set(raw.domains)) > 1
    return [replace(one, name=f"{raw.name}/{one.name}" if several else raw.name) for one in _by_domain(raw)]


def labeled_source(place: str) -> RawDataset:
    """As `raw_sources`, the rows of all domains as one raw dataset."""
    raw = _source(place)
    return replace(raw.take(_learned_from(raw)), splits=())


def _source(place: str) -> RawDataset:
    raw = reader_for(place).read(place).in_name_order()
    if not len(_learned_from(raw)):
        raise DataError(f"{place}: is given as a source and has no labeled image to learn from. Put one folder a class there.")
    return raw


def _learned_from(raw: RawDataset) -> Integers:
    """The labeled rows outside of a given test split, int64 [row]."""
    labeled = np.array([label is not None for label in raw.labels], bool)
    return np.flatnonzero(labeled & np.isin(np.array(raw.splits, dtype=object), LEARNED_FROM))


def _by_domain(raw: RawDataset) -> list[RawDataset]:
    rows = _learned_from(raw)
    domains = np.array([raw.domains[row] for row in rows], dtype=object)
    return [
        replace(part, name=name or raw.name, splits=("",) * len(part.labels))
        for name in dict.fromkeys(domains.tolist())
        for part in [raw.take(rows[domains == name])]
    ]


def check_same_kind(target: Images, source: Images, name: str) -> None:
    """Refuse a source of feature vectors for a target of pictures, the reverse, and vectors of another width."""
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
    """The sources with their rows cleaned, in the order given; equal names are numbered.

    There is one raw dataset a source, place by place; the target's place comes first, with none where no source lies there.
    """
    taken: set[str] = set()
    found = []
    for number, raw in ((number, raw) for number, raw_datasets in enumerate(places) for raw in raw_datasets):
        name = raw.name
        while name in taken:
            name = f"{raw.name} ({len(taken) + 1})"
        taken.add(name)
        found.append(SourceRows(name, cleaned(raw), number))
    return found


def copies_of(target: Cleaned, source: Cleaned) -> Booleans:
    """Which usable source rows are copies or near copies of a usable target row, bool [source sample]."""
    groups = duplicate_groups(joined_scans([target.scan, source.scan]))
    num = len(target.scan)
    return source.usable & np.isin(groups[num:], groups[:num][target.usable])


@dataclass(frozen=True)
class Shared:
    """The rows of one source that are in others, too.

    Attributes:
        copies: Usable rows that are copies or near copies of an earlier source's rows of the same class, int64 [row].
        contradictory: Usable rows with the same bytes as a row of another class in an earlier source, int64 [row].
        copy_groups: The group of copies of each row, int64 [sample], numbered across all sources.
    """

    copies: Integers
    contradictory: Integers
    copy_groups: Integers


def shared_rows(sources: Sequence[SourceRows], labels: Sequence[Sequence[str | None]]) -> list[Shared]:
    """What each source shares with others; of two with the same picture, the earlier one keeps it.

    `labels` are the common class names of the rows of each source.
    """
    nothing = np.empty(0, np.int64)
    if len(sources) < 2:
        return [Shared(nothing, nothing, np.arange(len(source.rows.usable))) for source in sources]
    scans = joined_scans([source.rows.scan for source in sources])
    exact, near = exact_groups(scans), duplicate_groups(scans)
    pictures: dict[int, set[str | None]] = defaultdict(set)
    earlier: set[tuple[int, str | None]] = set()
    found, start = [], 0
    for source, names in zip(sources, labels, strict=True):
        own = slice(start, start := start + len(names))
        rows = np.flatnonzero(source.rows.usable)
        of_picture = [(row, int(exact[own][row]), int(near[own][row]), names[row]) for row in rows.tolist()]
        copies = [row for row, _, group, name in of_picture if (group, name) in earlier]
        contradictory = [row for row, picture, _, name in of_picture if pictures[picture] - {name}]
        for _, picture, group, name in of_picture:
            pictures[picture].add(name)
            earlier.add((group, name))
        found.append(Shared(np.array(copies, np.int64), np.setdiff1d(np.array(contradictory, np.int64), copies), near[own]))
    return found
