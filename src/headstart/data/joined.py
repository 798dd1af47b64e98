"""Two sequences of pictures, or two sets, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from PIL import Image

from headstart.core.types import Floats, Integers
from headstart.data.images import Encoded, Images, ImageSet, Stamp
from headstart.data.raw_dataset import RawDataset


@dataclass(frozen=True)
class JoinedImages(Images):
    """The first sequence's pictures, then the second's, or any choice of rows of the two."""

    first: Images
    second: Images
    rows: Integers | None = None

    @property
    def embedded(self) -> bool:  # type: ignore[override]
        return self.first.embedded

    def __len__(self) -> int:
        return len(self.first) + len(self.second) if self.rows is None else len(self.rows)

    def _locate(self, row: int) -> tuple[Images, int]:
        at = int(row if self.rows is None else self.rows[row])
        return (self.first, at) if at < len(self.first) else (self.second, at - len(self.first))

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
        first, second = self.first.stamps(), self.second.stamps()
        if first is None or second is None:
            return None
        both = first + second
        return both if self.rows is None else [both[row] for row in self.rows]

    def vectors(self) -> Floats:
        both = np.concatenate([self.first.vectors(), self.second.vectors()])
        return both if self.rows is None else both[self.rows]

    def take(self, rows: Integers) -> JoinedImages:
        chosen = np.asarray(rows, dtype=np.int64)
        return JoinedImages(self.first, self.second, chosen if self.rows is None else self.rows[chosen])


def joined_rows(raws: Sequence[RawDataset]) -> RawDataset:
    """The rows of several raw datasets as one, which has the name of the first."""

    def joined(first: RawDataset, second: RawDataset) -> RawDataset:
        return replace(
            first,
            images=JoinedImages(first.images, second.images),
            labels=first.labels + second.labels,
            splits=first.splits + second.splits,
            groups=first.groups + second.groups,
            domains=first.domains + second.domains,
            findings=first.findings
            + tuple(one for one in second.findings if one.code not in {each.code for each in first.findings}),
        )

    return reduce(joined, raws)


def concatenate(first: ImageSet, second: ImageSet) -> ImageSet:
    """Two sets of the same classes as one; the first one's rows come first."""
    both = ImageSet(
        images=JoinedImages(first.images, second.images),
        classes=first.classes,
        hidden_labels=np.concatenate([first.hidden_labels, second.hidden_labels]),
        groups=np.concatenate([first.groups, second.groups]),
        domains=first.domains + second.domains if first.domains and second.domains else (),
        sealed=first.sealed or second.sealed,
    )
    return (
        both.with_content_keys(first.content_keys + second.content_keys) if first.knows_content and second.knows_content else both
    )
