"""Arrays and tensors as pictures: which axes are what, and which values are allowed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from headstart.core.arguments import path_given
from headstart.core.errors import DataError
from headstart.core.types import Bytes, Floats

Given: TypeAlias = str | Path | Image.Image | np.ndarray
"""One of the images, or an array of many."""
CHANNELS = (1, 3, 4)
"""Gray, RGB, and RGB with alpha."""


def given_one(value: Any) -> Given | None:
    """A path, a Pillow image or an array of numbers; None where it is something else, such as a list."""
    if isinstance(value, str | os.PathLike):
        return path_given(value)
    if isinstance(value, Image.Image):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _with_channels_last(value.detach().cpu().float().numpy() if value.is_floating_point() else value.cpu().numpy())
    if not hasattr(value, "__array__"):
        return None
    array = np.asarray(value)
    return array if array.ndim and array.dtype.kind in "buif" else None


def _with_channels_last(array: np.ndarray) -> np.ndarray:
    """An array of a tensor, whose channels stand before its rows and columns."""
    return np.moveaxis(array, -3, -1) if array.ndim in (3, 4) and array.shape[-3] in CHANNELS else array


def as_pillow(pixels: Bytes) -> Image.Image:
    """A picture [height, width, 1 or more channels] as a Pillow image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def pixels_of(array: np.ndarray, name: str) -> Bytes:
    """The pictures of an array, uint8 [sample, height, width, channel].

    Two axes are one gray picture. Of three, the last is the channels where it has 1, 3 or 4 entries: one picture; else the first
    is the samples: gray pictures. Four are samples of pictures, whose channels stand last, or first where only that can be.
    """
    shape = array.shape
    if array.ndim == 2:
        array = array[None, ..., None]
    elif array.ndim == 3:
        if shape[-1] not in CHANNELS and shape[0] in CHANNELS[1:]:
            raise DataError(
                f"{name} has the shape {shape}: one picture whose channels stand first, or {shape[0]} gray ones. Give "
                "[height, width, channel], or [sample, height, width, 1]."
            )
        array = array[None] if shape[-1] in CHANNELS else array[..., None]
    elif array.ndim == 4 and shape[-1] not in CHANNELS and shape[1] in CHANNELS:
        array = np.moveaxis(array, 1, -1)
    if array.ndim != 4 or array.shape[-1] not in CHANNELS or not array.size:
        raise DataError(
            f"{name} has the shape {shape}, and no pictures have that. Give [height, width], [height, width, channel] or "
            "[sample, height, width, channel]."
        )
    return _bytes_of(array, name)


def _bytes_of(array: np.ndarray, name: str) -> Bytes:
    """Pixels as bytes: whole numbers from 0 to 255 as they are, real ones from 0 to 1 in 255 steps."""
    if array.dtype == np.uint8:
        return array
    values: Floats = array.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    most = 255 if array.dtype.kind in "iu" else 1
    if not (low >= 0 and high <= most):
        raise DataError(
            f"{name} has values from {low:g} to {high:g}, and those of {array.dtype} pixels go from 0 to {most}. Give whole "
            "numbers from 0 to 255, or real ones from 0 to 1, not normalized."
        )
    return np.rint(values if most == 255 else 255 * values).astype(np.uint8)
