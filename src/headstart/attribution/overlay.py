"""Overlays: a map drawn over its picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from headstart.core.types import Floats

COLOR = (255, 72, 0)
OPAQUE = 0.8
"""Opacity where the map is highest; places that speak against the class stay as they are."""


def overlay(picture: Image.Image, values: Floats) -> Image.Image:
    """An RGB picture with the places colored that speak for a class, the more the stronger.

    Args:
        picture: RGB, of any size.
        values: The map, float [row, column].

    Returns:
        An RGB picture of the same size; a map without a positive value leaves it as it is.
    """
    positive = np.maximum(np.asarray(values, np.float32), 0.0)
    shares = positive / max(float(positive.max()), 1e-12)
    smooth = np.asarray(Image.fromarray(shares).resize(picture.size, Image.Resampling.BICUBIC)).clip(0.0, 1.0)
    opacity = OPAQUE * smooth[..., None]
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    return Image.fromarray(np.rint(pixels * (1.0 - opacity) + opacity * np.array(COLOR, np.float32)).astype(np.uint8))
