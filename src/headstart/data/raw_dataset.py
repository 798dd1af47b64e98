"""Listing: what a reader found in one place, before anything is checked, grouped or split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.findings import Finding
from headstart.core.types import Integers
from headstart.data.images import FileImages, Images

SPLITS = ("", "train", "validation", "test", "unlabeled")


@dataclass(frozen=True)
class RawDataset:
    """Rows as a reader found them.

    Attributes:
        name: Short name of the set, fit for a folder name.
        images: The pictures, or the given feature vectors.
        labels: A class name per row; None where the row has no label.
        splits: One of `SPLITS` per row; empty where the source gives none and the program shall split.
        groups: A group name per row; empty where the row is its own group.
        domains: A domain name per row; empty where the source names none.
        findings: What the reader noticed and worked around.
    """

    name: str
    images: Images
    labels: tuple[str | None, ...]
    splits: tuple[str, ...]
    groups: tuple[str, ...]
    domains: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    def take(self, rows: Integers) -> RawDataset:
        """The listing of those rows, in that order."""

        def chosen(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[row] for row in rows)

        return RawDataset(
            name=self.name,
            images=self.images.take(rows),
            labels=tuple(self.labels[row] for row in rows),
            splits=chosen(self.splits),
            groups=chosen(self.groups),
            domains=chosen(self.domains),
            findings=self.findings,
        )

    def in_name_order(self) -> RawDataset:
        """Files in the order of their names, so that a split does not depend on the order of the file system."""
        if not isinstance(self.images, FileImages):
            return self
        return self.take(np.array(sorted(range(len(self.images)), key=self.images.name), np.int64))
