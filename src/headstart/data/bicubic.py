"""Bicubic resizing of bytes in NumPy, bit for bit as PyTorch resizes them: for processes that have no other use for PyTorch."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from headstart.core.types import Bytes, Floats, Integers

SHARPNESS = -0.5
"""The kernel's parameter a: the slope at distance 1. PyTorch and Pillow take this value where they widen the kernel."""
MOST_BITS = 22
WEIGHT_BITS = 15
"""Weights are integers below 2^15; they have as many bits behind the point as that allows, but no more than 22."""
BLOCK = 16
"""Places of the output that are computed by one product: few, as those of a block read few places of the input."""


class _Weights(NamedTuple):
    """What one axis is multiplied by.

    Attributes:
        firsts: The first place of the input that each place of the output is made of, int64 [output].
        weights: Integers as float64, so that products of them are exact, [output, tap]; 0 behind the last place of the input.
        num_bits: How many bits of them are behind the point.
    """

    firsts: Integers
    weights: Floats
    num_bits: int


def resized_bicubic(pictures: Bytes, pixels: int) -> Bytes:
    """Pictures, uint8 [sample, height, width, channel], at that side; the same bytes as PyTorch gives.

    That is `torch.nn.functional.interpolate(..., mode="bicubic", antialias=True)` of bytes: weights rounded to 16 bits, rows
    first and then columns, each rounded to bytes. Both are exact in integers, so that no rounding differs between processors.

    Reference: Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech, and
        Signal Processing 1981, eq. 15; the kernel is widened by the scale where pictures shrink, as in Pillow.
    """
    return np.ascontiguousarray(_resized_axis(_resized_axis(pictures, pixels, 2), pixels, 1))


def _resized_axis(pictures: Bytes, pixels: int, axis: int) -> Bytes:
    if pictures.shape[axis] == pixels:
        return pictures
    firsts, weights, num_bits = _weights(pictures.shape[axis], pixels)
    given = np.moveaxis(pictures, axis, 0)
    out = np.empty((pixels, *given.shape[1:]), np.uint8)
    for begin in range(0, pixels, BLOCK):
        part = slice(begin, begin + BLOCK)
        low = int(firsts[part][0])
        near = given[low : int(firsts[part][-1]) + weights.shape[1]]
        matrix = np.zeros((len(firsts[part]), len(near) + weights.shape[1]))
        np.put_along_axis(matrix, firsts[part][:, None] - low + np.arange(weights.shape[1]), weights[part], axis=1)
        sums = np.tensordot(matrix[:, : len(near)], near.astype(np.float64), 1)
        out[part] = np.clip(np.floor((sums + 2.0 ** (num_bits - 1)) / 2.0**num_bits), 0, 255)
    return np.moveaxis(out, 0, axis)


@lru_cache(maxsize=64)
def _weights(num_given: int, num_wanted: int) -> _Weights:
    """The weights that bring an axis from one length to another."""
    scale = num_given / num_wanted
    widening = max(scale, 1.0)
    centers = scale * (np.arange(num_wanted) + 0.5)
    firsts = np.maximum((centers - 2 * widening + 0.5).astype(np.int64), 0)
    ends = np.minimum((centers + 2 * widening + 0.5).astype(np.int64), num_given)
    places = firsts[:, None] + np.arange(int((ends - firsts).max()))
    exact = np.where(places < ends[:, None], _kernel((places - centers[:, None] + 0.5) * (1.0 / widening)), 0.0)
    total = np.cumsum(exact, axis=1)[:, -1:]  # one after the other, as PyTorch adds them
    exact = exact / total
    fitting = [bits for bits in range(1, MOST_BITS + 1) if _rounded(exact.max(), bits) < 2**WEIGHT_BITS]
    num_bits = max(fitting)
    return _Weights(firsts, _rounded(exact, num_bits), num_bits)


def _rounded(weights: Floats, num_bits: int) -> Floats:
    """Weights times 2^bits, rounded to integers, halves away from zero."""
    scaled = weights * 2.0**num_bits
    return np.asarray(np.trunc(scaled + np.copysign(0.5, scaled)))


def _kernel(distances: Floats) -> Floats:
    """The cubic convolution kernel; 0 from distance 2 on."""
    x = np.abs(distances)
    near = ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x * x + 1
    far = ((SHARPNESS * x - 5 * SHARPNESS) * x + 8 * SHARPNESS) * x - 4 * SHARPNESS
    return np.asarray(np.where(x < 1, near, np.where(x < 2, far, 0.0)))
