"""Resizing: pictures brought to a square, a batch at a time."""

from __future__ import annotations

import sys

import numpy as np

from headstart.core.types import Bytes
from headstart.data.bicubic import resized_bicubic

TORCH_REPAID_AFTER = 400
"""Pictures for which PyTorch is worth importing: a photograph of 300 pixels takes 2.5 ms by NumPy and 0.15 ms by PyTorch, whose
import takes a second. `benchmarks/starting.py` prints these times."""


def resized_to_square(pictures: Bytes, pixels: int) -> Bytes:
    """Pictures, uint8 [sample, height, width, channel], at that side, whatever their aspect; as they are where they have it.

    Bicubic with the kernel widened where pictures shrink, so that nothing between the samples is lost; within one gray level
    of Pillow's own, at a fifth of its time for photographs of 400 pixels. A process that has imported PyTorch resizes by it,
    any other one by NumPy: the bytes are the same.
    """
    if pictures.shape[1:3] == (pixels, pixels):
        return pictures
    return _resized_by_torch(pictures, pixels) if "torch" in sys.modules else resized_bicubic(pictures, pixels)


def prepare_resizing(num_pictures: int) -> None:
    """Import PyTorch where resizing so many pictures without it takes longer than the import."""
    if num_pictures >= TORCH_REPAID_AFTER:
        import torch  # noqa: F401, PLC0415


def _resized_by_torch(pictures: Bytes, pixels: int) -> Bytes:
    import torch  # noqa: PLC0415

    # A view of [sample, height, width, channel] is channels last already: nothing is copied.
    planes = torch.from_numpy(np.require(pictures, requirements="W")).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(planes, (pixels, pixels), mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous().numpy()
