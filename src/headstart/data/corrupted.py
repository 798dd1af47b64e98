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
from headstart.data.corruptions import CORRUPTIONS, all_corruptions
from headstart.data.corruptions.base import Family, from_image, to_image
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
        return _made_worse(self.images.read(row, MOST_PIXELS), self.corruption, self.strength, self.keys[row])

    def content_key(self, row: int) -> str:
        return _key(self.keys[row], self.corruption, self.strength)

    def take(self, rows: Integers) -> CorruptedImages:
        chosen = np.asarray(rows)
        return replace(self, images=self.images.take(chosen), keys=tuple(self.keys[row] for row in chosen))

    def file_paths(self) -> tuple[Path, ...]:
        return self.images.file_paths()

    def with_files(self, moved: Mapping[Path, Path]) -> CorruptedImages:
        return replace(self, images=self.images.with_files(moved))


@dataclass(frozen=True)
class VariouslyCorruptedImages(Images):
    """Pictures of which each is made worse in a way of its own, drawn from its content.

    Attributes:
        images: The pictures as they are.
        keys: Their content keys.
        family: Of the corruptions that are drawn from, all alike; their strengths are drawn likewise. What changes the class of
            some pictures is left out.
    """

    images: Images
    keys: tuple[str, ...] = field(repr=False)
    family: Family

    def __len__(self) -> int:
        return len(self.images)

    def drawn(self, row: int) -> tuple[str, int]:
        """The corruption of a picture, and its strength."""
        generator = generator_for(0, "corrupted view", self.family, self.keys[row])
        drawn_from = {name: one for name, one in all_corruptions().items() if one.family == self.family and one.keeps_class}
        name = str(generator.choice(list(drawn_from)))
        return name, int(generator.integers(len(drawn_from[name].levels))) + 1

    def name(self, row: int) -> str:
        return f"{self.images.name(row)}, with {' '.join(map(str, self.drawn(row)))}"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return _made_worse(self.images.read(row, MOST_PIXELS), *self.drawn(row), self.keys[row])

    def content_key(self, row: int) -> str:
        name, strength = self.drawn(row)
        return _key(self.keys[row], name, strength)

    def take(self, rows: Integers) -> VariouslyCorruptedImages:
        chosen = np.asarray(rows)
        return replace(self, images=self.images.take(chosen), keys=tuple(self.keys[row] for row in chosen))

    def file_paths(self) -> tuple[Path, ...]:
        return self.images.file_paths()

    def with_files(self, moved: Mapping[Path, Path]) -> VariouslyCorruptedImages:
        return replace(self, images=self.images.with_files(moved))


def corrupted(images: ImageSet, corruption: str, strength: int) -> ImageSet:
    """The same rows, whose pictures are made worse; sealed as before."""
    return replace(images, images=CorruptedImages(images.images, images.content_keys, corruption, strength))


def variously_corrupted(images: ImageSet, family: Family) -> ImageSet:
    """The same rows, each picture made worse by a corruption of the family, drawn with its strength from its content."""
    return replace(images, images=VariouslyCorruptedImages(images.images, images.content_keys, family))


def _made_worse(image: Image.Image, name: str, strength: int, key: str) -> Image.Image:
    """The picture with a corruption; what is random in it depends on the picture's content key."""
    if min(image.size) > MOST_PIXELS:
        scale = MOST_PIXELS / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
    corruption = CORRUPTIONS.get(name)()
    generator = generator_for(0, "corruption", name, strength, key)
    return to_image(corruption.apply(from_image(image), corruption.levels[strength - 1], generator))


def _key(key: str, name: str, strength: int) -> str:
    return hashlib.sha256(f"{key}/{name}/{strength}".encode()).hexdigest()
