"""Flattening: pictures of any mode in RGB, upright and over white.

An exported bundle takes these definitions along, so that they use nothing but NumPy and Pillow.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
WITH_ALPHA = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})


def turn_upright(image: Image.Image) -> None:
    """Turn a picture as its EXIF orientation says, in place."""
    # A broken EXIF block raises anything, and viewers then ignore the orientation.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def flattened(image: Image.Image) -> Image.Image:
    """A picture in RGB, 8 bits a channel, transparency laid over white."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bit(image)).convert("RGB")
    if image.mode not in WITH_ALPHA and "transparency" not in image.info:
        return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy it
    if image.mode == "La":
        image = image.convert("LA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _eight_bit(image: Image.Image) -> np.ndarray:
    """Gray values of more than 8 bits as 0 to 255.

    16-bit pictures use their whole range, as viewers assume. Other integers and floats carry no range: values that fit
    [0, 1], [0, 255] or [0, 65535] are taken to mean that range, and others are stretched from their lowest to their highest.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16") or image.format == "PNG":
        return (values >> 8).astype(np.uint8)
    gray = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(gray.min()), float(gray.max())
    if low < 0 or high > 65_535:
        gray = (gray - low) * (255 / (high - low))
    elif high > 255:
        gray = np.floor(gray / 256)
    elif high <= 1 and image.mode == "F":
        gray = gray * 255
    return np.rint(gray).astype(np.uint8)
