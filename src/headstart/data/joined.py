"""Several sequences of pictures, or two sets, as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.types import Floats, Integers
from headstart.data.images import Encoded, Images, ImageSet, Stamp
from headstart.data.outputs import Outputs
from headstart.data.raw_dataset import RawDataset


@dataclass(frozen=True)
class JoinedImages(Images):
    """The pictures of each sequence in turn, or any choice of rows of all.

    Attributes:
        sequences: The sequences.
        rows: int64 [sample], each counted over all sequences; None for all.
    """

    sequences: tuple[Images, ...]
    rows: Integers | None = None

    @property
    def embedded(self) -> bool:  # type: ignore[override]
        return self.sequences[0].embedded

    @cached_property
    def _ends(self) -> Integers:
        """The row after the last one of each part, int64 [part]."""
        return np.cumsum([len(part) for part in self.sequences], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.rows is None else len(self.rows)

    def _locate(self, row: int) -> tuple[Images, int]:
        at = int(row if self.rows is None else self.rows[row])
        part = int(np.searchsorted(self._ends, at, side="right"))
        return self.sequences[part], at - (int(self._ends[part - 1]) if part else 0)

    def name(self, row: int) -> str:
        part, at = self._locate(row)
        return part.name(at)

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        part, at = self._locate(row)
        return part.read(at, at_least)

    def content_key(self, row: int) -> str:
        part, at = self._locate(row)
        return part.content_key(at)

    def encoded(self, row: int) -> Encoded | None:
        part, at = self._locate(row)
        return part.encoded(at)

    def opened(self, row: int) -> Encoded | tuple[Image.Image, str]:
        part, at = self._locate(row)
        return part.opened(at)

    def stamps(self) -> list[Stamp] | None:
        known = [part.stamps() for part in self.sequences]
        of_all = [stamp for one in known if one is not None for stamp in one]
        if None in known:
            return None
        return of_all if self.rows is None else [of_all[row] for row in self.rows]

    def vectors(self) -> Floats:
        of_all = np.concatenate([part.vectors() for part in self.sequences])
        return of_all if self.rows is None else of_all[self.rows]

    def take(self, rows: Integers) -> JoinedImages:
        chosen = np.asarray(rows, dtype=np.int64)
        return JoinedImages(self.sequences, chosen if self.rows is None else self.rows[chosen])

    def excerpt(self, rows: Integers) -> JoinedImages:
        chosen = self.take(rows).rows
        at = np.asarray(chosen, np.int64)
        part_of = np.searchsorted(self._ends, at, side="right")
        starts = np.concatenate([[0], self._ends[:-1]])
        used, places, done = [], np.empty(len(at), np.int64), 0
        for part in np.unique(part_of):
            mine = np.flatnonzero(part_of == part)
            used.append(self.sequences[part].excerpt(at[mine] - starts[part]))
            places[mine] = done + np.arange(len(mine))
            done += len(mine)
        return JoinedImages(tuple(used), places)

    def file_paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(file for part in self.sequences for file in part.file_paths()))

    def with_files(self, moved: Mapping[Path, Path]) -> JoinedImages:
        return replace(self, sequences=tuple(part.with_files(moved) for part in self.sequences))


def joined_rows(raws: Sequence[RawDataset]) -> RawDataset:
    """The rows of several raw datasets as one, which has the name of the first."""
    findings: list[Finding] = []
    for raw in raws:
        known = {finding.code for finding in findings}
        findings += [finding for finding in raw.findings if finding.code not in known]
    return replace(
        raws[0],
        images=JoinedImages(tuple(raw.images for raw in raws)),
        labels=tuple(label for raw in raws for label in raw.labels),
        splits=tuple(split for raw in raws for split in raw.splits),
        groups=tuple(group for raw in raws for group in raw.groups),
        domains=tuple(domain for raw in raws for domain in raw.domains),
        findings=tuple(findings),
        outputs=_outputs_of(raws),
        written=tuple(label for raw in raws for label in (raw.written or raw.labels)) if any(raw.written for raw in raws) else (),
    )


def _outputs_of(raws: Sequence[RawDataset]) -> Outputs:
    """What the labels of all are: where some rows have several labels, one label alone is the only one of its row."""
    found = {raw.outputs for raw in raws if any(label is not None for label in raw.labels)}
    if "numbers" in found and len(found) > 1:
        raise DataError(f"{raws[0].name}: some of its parts hold numbers to predict, and others classes. Let all hold the same.")
    return next(iter(sorted(found, reverse=True)), "")


def concatenate(first: ImageSet, second: ImageSet) -> ImageSet:
    """Two sets of the same classes as one; the first one's rows come first."""
    both = ImageSet(
        images=JoinedImages((first.images, second.images)),
        classes=first.classes,
        hidden_labels=np.concatenate([first.hidden_labels, second.hidden_labels]),
        groups=np.concatenate([first.groups, second.groups]),
        domains=first.domains + second.domains if first.domains and second.domains else (),
        sealed=first.sealed or second.sealed,
        given_groups=first.given_groups + second.given_groups if first.given_groups and second.given_groups else (),
    )
    return (
        both.with_content_keys(first.content_keys + second.content_keys) if first.knows_content and second.knows_content else both
    )
