"""Raw dataset: what a reader found in one place, before anything is checked, grouped or split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import Integers
from headstart.data.images import FileImages, Images
from headstart.data.outputs import SEVERAL, Outputs

SPLITS = ("", "train", "validation", "test", "unlabeled")


@dataclass(frozen=True)
class RawDataset:
    """Rows as a reader found them.

    Attributes:
        name: Short name of the set, fit for a folder name.
        images: The pictures, or the given feature vectors.
        labels: A class name per row; None where the row has no label.
        splits: One of `SPLITS` per row; empty where none is given, so that one is made. Left out, none is given for any row.
        groups: A group name per row; empty where the row is its own group. Left out, every row is its own.
        domains: A domain name per row; empty where none is given. Left out, none is given for any row.
        findings: What the reader noticed and worked around.
        outputs: What the labels are: one class each, several names with ";" between them, or numbers.
        written: Several labels as they were written, one text a row; empty for others.
    """

    name: str
    images: Images
    labels: tuple[str | None, ...]
    splits: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    outputs: Outputs = ""
    written: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        for column in ("splits", "groups", "domains"):
            object.__setattr__(self, column, getattr(self, column) or ("",) * len(self.labels))

    def take(self, rows: Integers) -> RawDataset:
        """The raw dataset of those rows, in that order."""
        return replace(
            self,
            images=self.images.take(rows),
            labels=tuple(self.labels[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            domains=tuple(self.domains[row] for row in rows),
            written=tuple(self.written[row] for row in rows) if self.written else (),
        )

    def as_one_class(self) -> RawDataset:
        """The rows with what was read as several labels as the name of one class, as it was written."""
        if not self.written:
            return self
        findings = tuple(finding for finding in self.findings if finding.code != SEVERAL)
        return replace(self, labels=self.written, written=(), outputs="", findings=findings)

    def in_name_order(self) -> RawDataset:
        """Files in the order of their names, so that a split does not depend on the order of the file system."""
        if not isinstance(self.images, FileImages):
            return self
        return self.take(np.array(sorted(range(len(self.images)), key=self.images.name), np.int64))
