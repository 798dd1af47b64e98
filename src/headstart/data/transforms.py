"""Preprocessing: one printable, hashable form for training and for prediction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

from headstart.core.cores import num_cores
from headstart.core.records import Record
from headstart.core.types import Bytes, Integers
from headstart.data.images import Images

PART_ROWS = 16
"""Pictures that one thread reads at a time: few, so that all threads end at about the same time."""


class Transform(Record):
    """How a picture becomes a network's input.

    The whole picture is resized to a square ("squish"): nothing at the border is lost, which matters more on small own
    data than the aspect ratio does.

    Attributes:
        pixels: Side of the square.
        fit: "squish" is the only way today.
        channels: 3, for RGB.
        mean: Per-channel mean on pixels in [0, 1] in place of the card's; None keeps the card's.
        std: Per-channel standard deviation in place of the card's; None keeps the card's.
    """

    pixels: int
    fit: Literal["squish"] = "squish"
    channels: Literal[3] = 3
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None

    def __str__(self) -> str:
        return f"{self.fit}({self.pixels}, bicubic, {self.channels} channels)"

    def apply(self, images: Images, rows: Integers) -> Bytes:
        """Those pictures as uint8 [sample, height, width, channel], read by the calling thread."""
        return images.squares(rows, self.pixels)

    def decode(self, images: Images, rows: Integers) -> Bytes:
        """Those pictures as uint8 [sample, height, width, channel], read by one thread a core."""
        out = np.empty((len(rows), self.pixels, self.pixels, self.channels), dtype=np.uint8)

        def fill(start: int) -> None:
            part = slice(start, start + PART_ROWS)
            out[part] = self.apply(images, rows[part])

        with ThreadPoolExecutor(num_cores()) as pool:
            list(pool.map(fill, range(0, len(rows), PART_ROWS)))
        return out
