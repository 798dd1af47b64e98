"""Brightness: bright daylight."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Brightness(Corruption):
    """The largest channel of each pixel is raised by a level, hue and saturation stay."""

    title: ClassVar[str] = "Brightness"
    family: ClassVar[Family] = "weather"
    levels: ClassVar[tuple[Any, ...]] = (0.1, 0.2, 0.3, 0.4, 0.5)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        value = picture.max(axis=2, keepdims=True)
        raised = np.minimum(value + level, 1.0)
        return np.asarray(np.where(value > 0, picture * raised / np.maximum(value, 1e-6), raised))
