"""Two sequences of pictures, or two sets, as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from headstart.core.types import Floats, Integers
from headstart.data.images import Images, ImageSet


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

    def vectors(self) -> Floats:
        both = np.concatenate([self.first.vectors(), self.second.vectors()])
        return both if self.rows is None else both[self.rows]

    def take(self, rows: Integers) -> JoinedImages:
        chosen = np.asarray(rows, dtype=np.int64)
        return JoinedImages(self.first, self.second, chosen if self.rows is None else self.rows[chosen])


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
