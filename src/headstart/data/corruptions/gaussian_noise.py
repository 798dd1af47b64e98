"""Gaussian noise: the noise of a sensor in little light."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class GaussianNoise(Corruption):
    """Normal noise is added to each value; a level is its standard deviation."""

    title: ClassVar[str] = "Gaussian noise"
    family: ClassVar[Family] = "noise"
    levels: ClassVar[tuple[Any, ...]] = (0.08, 0.12, 0.18, 0.26, 0.38)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        return np.asarray(picture + generator.normal(0.0, level, picture.shape))
