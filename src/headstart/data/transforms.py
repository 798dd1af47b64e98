"""Preprocessing: one printable, hashable form for training and for prediction."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from PIL import Image

from headstart.core.records import Record
from headstart.core.types import Bytes, Integers
from headstart.data.images import Images


class Transform(Record):
    """How a picture becomes a network's input.

    The whole picture is resized to a square ("squish"): nothing at the border is lost, which matters more on small own
    data than the aspect ratio does.

    Attributes:
        pixels: Side of the square.
        fit: "squish" is the only way today.
        channels: 3 for RGB, 1 for luminance.
    """

    pixels: int
    fit: Literal["squish"] = "squish"
    channels: Literal[1, 3] = 3

    def __str__(self) -> str:
        return f"{self.fit}({self.pixels}, bicubic, {self.channels} channels)"

    def apply(self, image: Image.Image) -> Bytes:
        """The picture as uint8 [height, width, channel]."""
        if image.size != (self.pixels, self.pixels):
            image = image.resize((self.pixels, self.pixels), Image.Resampling.BICUBIC)
        array = np.asarray(image.convert("L") if self.channels == 1 else image.convert("RGB"))
        return array.reshape(self.pixels, self.pixels, self.channels)

    def decode(self, images: Images, rows: Integers) -> Bytes:
        """Those pictures as one uint8 array [sample, height, width, channel], read by one thread a core."""
        out = np.empty((len(rows), self.pixels, self.pixels, self.channels), dtype=np.uint8)

        def fill(position: int) -> None:
            out[position] = self.apply(images.read(int(rows[position]), at_least=self.pixels))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, range(len(rows))))
        return out
