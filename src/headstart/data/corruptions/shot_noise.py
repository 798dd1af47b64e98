"""Shot noise: the noise of counted photons."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class ShotNoise(Corruption):
    """Each value is a Poisson count; a level is the count at full brightness."""

    title: ClassVar[str] = "Shot noise"
    family: ClassVar[Family] = "noise"
    levels: ClassVar[tuple[Any, ...]] = (60.0, 25.0, 12.0, 5.0, 3.0)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        return np.asarray(generator.poisson(picture * level) / level)
