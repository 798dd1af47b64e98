"""Impulse noise: bits that are lost."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class ImpulseNoise(Corruption):
    """A share of the values, which a level is, becomes 0 or 1."""

    title: ClassVar[str] = "Impulse noise"
    family: ClassVar[Family] = "noise"
    levels: ClassVar[tuple[Any, ...]] = (0.03, 0.06, 0.09, 0.17, 0.27)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        drawn = generator.random(picture.shape)
        return np.where(drawn < level / 2, 0.0, np.where(drawn > 1 - level / 2, 1.0, picture))
