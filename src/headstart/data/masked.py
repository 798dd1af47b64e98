"""Masked pictures: parts of pictures, cells of a grid, replaced by something that says nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from headstart.core.types import Booleans, Bytes, Integers
from headstart.data.images import Images

Fill: TypeAlias = Literal["blur", "mean"]
"""What parts are replaced by: the same part of the picture, blurred until no shape is left, or the picture's mean color."""
FILLS: tuple[Fill, ...] = get_args(Fill)
BLUR = 0.1
"""Standard deviation of the blur, as a share of the side: strokes of a digit are no longer seen."""


@dataclass(frozen=True)
class MaskedImages(Images):
    """Variants of pictures, each with some cells of a square grid replaced, at the sides that networks take.

    Attributes:
        whole: The pictures as they are, uint8 [picture, side, side, 3], by side.
        keys: Their content keys.
        sources: Which picture each variant is of, int64 [variant].
        hidden: The cells that are replaced, bool [variant, row, column].
        fill: By what.
    """

    whole: dict[int, Bytes] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    sources: Integers = field(repr=False)
    hidden: Booleans = field(repr=False)
    fill: Fill

    @classmethod
    def of(cls, images: Images, sides: Sequence[int], keys: Sequence[str], fill: Fill) -> MaskedImages:
        """The pictures as they are, each a variant of which nothing is replaced."""
        rows = np.arange(len(images))
        whole = {side: images.squares(rows, side) for side in sides}
        return cls(whole, tuple(keys), rows, np.zeros((len(rows), 1, 1), bool), fill)

    def masked(self, sources: Integers, hidden: Booleans) -> MaskedImages:
        """Variants of the same pictures; see `sources` and `hidden`."""
        return replace(self, sources=np.asarray(sources, np.int64), hidden=hidden)

    def __len__(self) -> int:
        return len(self.sources)

    def name(self, row: int) -> str:
        return f"{self.keys[self.sources[row]][:8]}[{row}]"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return Image.fromarray(self.squares(np.array([row]), max(self.whole))[0])

    def squares(self, rows: Integers, pixels: int) -> Bytes:
        chosen = np.asarray(rows, np.int64)
        cells = np.arange(pixels) * self.hidden.shape[1] // pixels
        hidden = self.hidden[chosen][:, cells][:, :, cells]
        sources = self.sources[chosen]
        filled = self.whole[pixels][sources]
        filled[hidden] = self._fills[pixels][sources][hidden]
        return filled

    @cached_property
    def _fills(self) -> dict[int, Bytes]:
        """What replaces each picture, uint8 [picture, side, side, 3], by side."""
        return {side: replacement(squares, self.fill) for side, squares in self.whole.items()}

    def content_key(self, row: int) -> str:
        content = (self.keys[self.sources[row]].encode(), self.fill.encode(), self.hidden[row].tobytes())
        return hashlib.sha256(b"/".join(content)).hexdigest()

    def take(self, rows: Integers) -> MaskedImages:
        return self.masked(self.sources[rows], self.hidden[rows])


def replacement(squares: Bytes, fill: Fill) -> Bytes:
    """What replaces each square, uint8 [picture, side, side, 3]: the square blurred, or its mean color."""
    values = squares.astype(np.float32)
    if fill == "mean":
        filled = np.broadcast_to(values.mean(axis=(1, 2), keepdims=True), values.shape)
    else:
        filled = gaussian_filter(values, (0, BLUR * squares.shape[1], BLUR * squares.shape[1], 0), mode="nearest")
    return np.asarray(np.rint(filled), np.uint8)
