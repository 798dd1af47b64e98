"""Corrupted pictures: those of a sequence, each made worse in the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.data.corruptions import CORRUPTIONS
from headstart.data.corruptions.base import from_image, to_image
from headstart.data.images import Images, ImageSet

MOST_PIXELS = 256
"""Shorter side that larger pictures are reduced to first: networks see no more, and the time is bounded."""


@dataclass(frozen=True)
class CorruptedImages(Images):
    """Pictures made worse, the same way every time that they are read.

    Attributes:
        images: The pictures as they are.
        keys: Their content keys.
        corruption: Name of the corruption.
        strength: From 1 on.
    """

    images: Images
    keys: tuple[str, ...] = field(repr=False)
    corruption: str
    strength: int

    def __len__(self) -> int:
        return len(self.images)

    def name(self, row: int) -> str:
        return self.images.name(row)

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        image = self.images.read(row, MOST_PIXELS)
        if min(image.size) > MOST_PIXELS:
            scale = MOST_PIXELS / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
        corruption = CORRUPTIONS.get(self.corruption)()
        generator = generator_for(0, "corruption", self.corruption, self.strength, self.keys[row])
        return to_image(corruption.apply(from_image(image), corruption.levels[self.strength - 1], generator))

    def content_key(self, row: int) -> str:
        return hashlib.sha256(f"{self.keys[row]}/{self.corruption}/{self.strength}".encode()).hexdigest()

    def take(self, rows: Integers) -> CorruptedImages:
        chosen = np.asarray(rows)
        return replace(self, images=self.images.take(chosen), keys=tuple(self.keys[row] for row in chosen))

    def file_paths(self) -> tuple[Path, ...]:
        return self.images.file_paths()

    def with_files(self, moved: Mapping[Path, Path]) -> CorruptedImages:
        return replace(self, images=self.images.with_files(moved))


def corrupted(images: ImageSet, corruption: str, strength: int) -> ImageSet:
    """The same rows, whose pictures are made worse; sealed as before."""
    return replace(images, images=CorruptedImages(images.images, images.content_keys, corruption, strength))
