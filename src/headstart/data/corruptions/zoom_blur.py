"""Zoom blur: a camera that moves towards the picture."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, from_image, to_image


class ZoomBlur(Corruption):
    """The mean of the picture and of its enlargements about the center; a level is the largest factor and the step of factors."""

    title: ClassVar[str] = "Zoom blur"
    family: ClassVar[Family] = "blur"
    levels: ClassVar[tuple[Any, ...]] = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        most, step = level
        factors = np.arange(1.0, most, step)
        image, (height, width) = to_image(picture), picture.shape[:2]
        total = picture.astype(np.float64)
        for factor in factors:
            left, top = (side / 2 * (1 - 1 / factor) for side in (width, height))
            box = (left, top, width - left, height - top)
            total += from_image(image.resize((width, height), Image.Resampling.BILINEAR, box))
        return np.asarray(total / (len(factors) + 1))
