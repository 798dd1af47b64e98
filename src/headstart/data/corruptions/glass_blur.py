"""Glass blur: frosted glass."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, scale_of


class GlassBlur(Corruption):
    """A blur, after which nearby pixels change places. A level is the blur's deviation and the distance, in pixels of the paper,
    and how often pixels change places.

    Differs: all pixels are moved at once, by a random number of pixels each, so that some are doubled; at least one pixel far.
    """

    title: ClassVar[str] = "Glass blur"
    family: ClassVar[Family] = "blur"
    levels: ClassVar[tuple[Any, ...]] = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        deviation, distance, times = level
        scale = scale_of(picture)
        sigma, reach = (deviation * scale, deviation * scale, 0), max(1, round(distance * scale))
        height, width = picture.shape[:2]
        moved = gaussian_filter(picture, sigma)
        for _ in range(times):
            down, right = (generator.integers(-reach, reach + 1, (height, width)) for _ in range(2))
            rows = np.clip(np.arange(height)[:, None] + down, 0, height - 1)
            columns = np.clip(np.arange(width)[None] + right, 0, width - 1)
            moved = moved[rows, columns]
        return np.asarray(gaussian_filter(moved, sigma))
