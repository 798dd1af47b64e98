"""Rotation: a picture that is turned."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import rotate

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Rotation(Corruption):
    """A turn about the center, to a random side; a level is the angle in degrees. Corners are filled with the nearest pixels."""

    title: ClassVar[str] = "Rotation"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (5.0, 10.0, 20.0, 45.0, 90.0)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        side = 1 if generator.random() < 0.5 else -1
        return np.asarray(rotate(picture, side * level, reshape=False, order=1, mode="nearest"))
