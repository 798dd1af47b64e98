"""Gray: a picture without color."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Gray(Corruption):
    """The three channels become their luminance; there is one strength."""

    title: ClassVar[str] = "Gray"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (1,)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del level, generator
        luminance = picture @ np.array([0.299, 0.587, 0.114], np.float32)
        return np.repeat(luminance[:, :, None], 3, axis=2)
