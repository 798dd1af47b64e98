"""Resizing as part of a graph: the rule of `resizing`, for pictures of any size, in operations that every runtime has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.data.bicubic import MOST_BITS, SHARPNESS, WEIGHT_BITS


class ResizeToSquare(nn.Module):
    """Pictures brought to a square by two products with matrices that are computed from their height and width.

    Weights and bytes are rounded as PyTorch rounds them for bytes, so that the result is the same but for single gray levels
    where a runtime has no float64. A picture that has the side already comes back as it is: its matrix is the identity.

    Args:
        pixels: Side of the square.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, pictures: Tensor) -> Tensor:
        """The squares, of pictures [sample, channel, height, width]; both are whole numbers from 0 to 255 as float32."""
        across = _as_bytes(pictures @ self._weights(pictures.shape[3]).T)
        return _as_bytes(self._weights(pictures.shape[2]) @ across)

    def _weights(self, num_given: int) -> Tensor:
        """What one axis is multiplied by, float32 [output, input]: see `bicubic`, where the steps are the same."""
        places = torch.arange(num_given, dtype=torch.float64)
        scale = (places[-1] + 1.0) / self.pixels  # of a tensor, so that no tracer takes the size for a constant
        widening = torch.clamp(scale, min=1.0)
        centers = scale * (torch.arange(self.pixels, dtype=torch.float64) + 0.5)
        # The kernel is 0 outside of the places that `bicubic` reads.
        exact = _kernel((places - centers[:, None] + 0.5) * (1.0 / widening))
        exact = exact / exact.sum(dim=1, keepdim=True)
        steps = 2.0 ** torch.arange(1, MOST_BITS + 1, dtype=torch.float64)
        fitting = _rounded(exact.max() * steps) < 2**WEIGHT_BITS
        step = torch.where(fitting, steps, torch.zeros_like(steps)).max()
        return ((exact.sign() * _rounded(exact.abs() * step)) / step).to(torch.float32)


def _rounded(values: Tensor) -> Tensor:
    """Values that are not negative, rounded to whole numbers, halves up."""
    return (values + 0.5).to(torch.int64).to(values.dtype)


def _as_bytes(values: Tensor) -> Tensor:
    return torch.floor(values + 0.5).clamp(0.0, 255.0)


def _kernel(distances: Tensor) -> Tensor:
    """The cubic convolution kernel; 0 from distance 2 on."""
    x = distances.abs()
    near = ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x * x + 1
    far = ((SHARPNESS * x - 5 * SHARPNESS) * x + 8 * SHARPNESS) * x - 4 * SHARPNESS
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
