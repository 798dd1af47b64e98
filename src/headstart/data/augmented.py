"""Random views of pictures, drawn once, so that a closed form can be fitted to their features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from headstart.core.seeds import seed_for
from headstart.core.types import Bytes, Integers
from headstart.data.augmentation.views import View
from headstart.data.images import Images, ImageSet
from headstart.data.joined import concatenate


@dataclass(frozen=True)
class AugmentedImages(Images):
    """One random view of each picture.

    What is drawn depends on the picture's content and the number alone, so that features of a view are computed once, whatever
    rows it is asked for with.

    Attributes:
        images: The pictures.
        view: What is drawn.
        number: Which of several views.
    """

    images: Images
    view: View
    number: int

    def __len__(self) -> int:
        return len(self.images)

    def name(self, row: int) -> str:
        return f"{self.images.name(row)}, view {self.number}"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        pixels = np.asarray(_shrunk(self.images.read(row, at_least), at_least, self.view))
        seed = seed_for(self.number, str(self.view), self.images.content_key(row))
        return Image.fromarray(_seen(pixels, self.view, seed))

    def content_key(self, row: int) -> str:
        return _key(self.images.content_key(row), self.view, self.number)

    def take(self, rows: Integers) -> AugmentedImages:
        return replace(self, images=self.images.take(np.asarray(rows, np.int64)))

    def excerpt(self, rows: Integers) -> AugmentedImages:
        return replace(self, images=self.images.excerpt(rows))

    def file_paths(self) -> tuple[Path, ...]:
        return self.images.file_paths()

    def with_files(self, moved: Mapping[Path, Path]) -> AugmentedImages:
        return replace(self, images=self.images.with_files(moved))


def views_of(rows: ImageSet, view: View, count: int) -> ImageSet:
    """At least one random view of each picture: all first ones in the order of the pictures, all second ones, and so on.

    A view has the label and the group of its picture, so that both are held out together.
    """
    return reduce(concatenate, (_seen_once(rows, view, number) for number in range(1, count + 1)))


def each_with_views(rows: ImageSet, views: ImageSet | None) -> ImageSet:
    """The pictures, each followed by its views, as `views_of` gave them; the pictures alone where there are none.

    Whoever cuts a large group into blocks of rows then leaves a picture out together with its views.
    """
    if views is None:
        return rows
    both = concatenate(rows, views)
    return both.take(np.arange(len(both)).reshape(-1, len(rows)).T.ravel())


def _seen_once(rows: ImageSet, view: View, number: int) -> ImageSet:
    seen = replace(rows, images=AugmentedImages(rows.images, view, number))
    return seen.with_content_keys(_key(key, view, number) for key in rows.content_keys)


def _key(content_key: str, view: View, number: int) -> str:
    return f"{content_key}, view {number} of {view}"


def _shrunk(image: Image.Image, at_least: int | None, view: View) -> Image.Image:
    """The picture, reduced by a whole factor as far as its smallest crop keeps a side of `at_least` pixels."""
    factor = 1 if at_least is None else int(min(image.size) * math.sqrt(view.crop) // at_least)
    return image.reduce(factor) if factor > 1 else image


def _seen(pixels: Bytes, view: View, seed: int) -> Bytes:
    """A view of a picture, uint8 [height, width, 3]."""
    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    seen = view.apply(images, torch.Generator().manual_seed(seed))
    return np.asarray(seen[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).to(torch.uint8).numpy())
