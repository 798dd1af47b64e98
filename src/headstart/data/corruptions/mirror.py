"""Mirror: left and right exchanged."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Mirror(Corruption):
    """Left and right are exchanged; there is one strength."""

    title: ClassVar[str] = "Mirror"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (1,)
    keeps_class: ClassVar[bool] = False  # of letters and digits

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del level, generator
        return picture[:, ::-1]
