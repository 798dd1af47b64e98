"""Resolution: a small picture, enlarged."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, from_image, to_image


class Resolution(Corruption):
    """The picture at a share of its side, which a level is, and enlarged again."""

    title: ClassVar[str] = "Resolution"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (0.75, 0.5, 0.35, 0.25, 0.15)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        height, width = picture.shape[:2]
        small = to_image(picture).resize((max(1, round(width * level)), max(1, round(height * level))), Image.Resampling.BICUBIC)
        return from_image(small.resize((width, height), Image.Resampling.BICUBIC))
