"""JPEG of usual quality: compression."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, from_image, to_image


class JpegQuality(Corruption):
    """The compression of cameras and web pages; a level is the quality."""

    title: ClassVar[str] = "JPEG of usual quality"
    family: ClassVar[Family] = "everyday"
    levels: ClassVar[tuple[Any, ...]] = (95, 85, 75, 60, 40)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        stream = io.BytesIO()
        to_image(picture).save(stream, "JPEG", quality=level)
        return from_image(Image.open(stream))
