"""Crop: a part of the picture."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Crop(Corruption):
    """A rectangle at a random place, with a share of the height and of the width, which a level is."""

    title: ClassVar[str] = "Crop"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (0.9, 0.8, 0.7, 0.6, 0.5)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        height, width = (max(1, round(side * level)) for side in picture.shape[:2])
        top, left = (generator.integers(0, whole - one + 1) for whole, one in zip(picture.shape, (height, width), strict=False))
        return picture[top : top + height, left : left + width]
