"""Pictures flipped left to right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from headstart.core.types import Integers
from headstart.data.images import Images, ImageSet


@dataclass(frozen=True)
class FlippedImages(Images):
    """The same pictures, flipped left to right."""

    images: Images

    def __len__(self) -> int:
        return len(self.images)

    def name(self, row: int) -> str:
        return f"{self.images.name(row)} mirrored"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return ImageOps.mirror(self.images.read(row, at_least))

    def content_key(self, row: int) -> str:
        return f"mirrored-{self.images.content_key(row)}"

    def take(self, rows: Integers) -> FlippedImages:
        return FlippedImages(self.images.take(np.asarray(rows, np.int64)))

    def excerpt(self, rows: Integers) -> FlippedImages:
        return FlippedImages(self.images.excerpt(rows))

    def file_paths(self) -> tuple[Path, ...]:
        return self.images.file_paths()

    def with_files(self, moved: Mapping[Path, Path]) -> FlippedImages:
        return FlippedImages(self.images.with_files(moved))


def flipped(rows: ImageSet) -> ImageSet:
    """The set with every picture flipped; labels and groups stay."""
    return replace(rows, images=FlippedImages(rows.images))
