"""JPEG: compression."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, from_image, to_image


class Jpeg(Corruption):
    """Strong compression; a level is the quality."""

    title: ClassVar[str] = "JPEG"
    family: ClassVar[Family] = "digital"
    levels: ClassVar[tuple[Any, ...]] = (25, 18, 15, 10, 7)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        stream = io.BytesIO()
        to_image(picture).save(stream, "JPEG", quality=level)
        return from_image(Image.open(stream))
