"""Contrast: little contrast."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Contrast(Corruption):
    """Differences from the picture's mean color are multiplied by a level."""

    title: ClassVar[str] = "Contrast"
    family: ClassVar[Family] = "digital"
    levels: ClassVar[tuple[Any, ...]] = (0.4, 0.3, 0.2, 0.1, 0.05)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        mean = picture.mean(axis=(0, 1), keepdims=True)
        return np.asarray((picture - mean) * level + mean)
