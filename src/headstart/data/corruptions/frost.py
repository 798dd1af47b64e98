"""Frost: ice on a pane."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, clouds


class Frost(Corruption):
    """Bright crystals are added to a darker picture. A level is how much of the picture remains and how much frost is added.

    Differs: the paper adds photographs of frost; these crystals are ridges of random fields.
    """

    title: ClassVar[str] = "Frost"
    family: ClassVar[Family] = "weather"
    levels: ClassVar[tuple[Any, ...]] = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        remains, added = level
        field = clouds(picture.shape[0], picture.shape[1], 1.2, generator)
        ridges = 1 - np.abs(2 * field - 1)
        cover = clouds(picture.shape[0], picture.shape[1], 2.0, generator)
        frost = (ridges**3 * cover)[:, :, None] * np.array([0.85, 0.95, 1.0], np.float32)
        return np.asarray(remains * picture + 1.5 * added * frost)
