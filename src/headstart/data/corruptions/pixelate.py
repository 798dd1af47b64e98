"""Pixelate: few pixels that are shown as squares."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, from_image, to_image


class Pixelate(Corruption):
    """The picture at a share of its side, which a level is, shown as squares."""

    title: ClassVar[str] = "Pixelate"
    family: ClassVar[Family] = "digital"
    levels: ClassVar[tuple[Any, ...]] = (0.6, 0.5, 0.4, 0.3, 0.25)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        height, width = picture.shape[:2]
        image = to_image(picture)
        small = image.resize((max(1, round(width * level)), max(1, round(height * level))), Image.Resampling.BOX)
        return from_image(small.resize((width, height), Image.Resampling.NEAREST))
