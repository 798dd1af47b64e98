"""Random changes of color and sharpness, batchwise on pictures in [0, 1]; gray pictures stay gray."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in brightness (ITU-R BT.601), as in Pillow."""
REACH = 0.9
"""Brightness, contrast, saturation and sharpness are multiplied by 1 - REACH to 1 + REACH, as in torchvision's RandAugment."""
LEVELS = 256
FEWEST_LEVELS = 16
"""Posterizing leaves four of the eight bits a channel or more, as in torchvision's RandAugment."""
CUTOUT_FILL = 0.5
"""The middle of the range of values."""
TINY = 1e-6
"""Keeps a division by a range of zero finite; the result is not used."""

Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(pictures [batch, channel, height, width], strengths in [-1, 1], [batch, 1, 1, 1]) to the pictures changed."""


def brightness(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Darker or brighter pictures."""
    return (pictures * (1 + REACH * strengths)).clamp_(0, 1)


def contrast(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Pictures nearer to their mean brightness, or farther from it."""
    return _away_from(_gray(pictures).mean((2, 3), keepdim=True), pictures, strengths)


def saturation(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Grayer or more colorful pictures."""
    return _away_from(_gray(pictures), pictures, strengths)


def sharpness(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Smoother pictures or sharper ones; as Pillow smooths, the middle of 3 x 3 pixels counts five times."""
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    smooth = (9 * functional.avg_pool2d(padded, 3, stride=1) + 4 * pictures) / 13
    return _away_from(smooth, pictures, strengths)


def posterize(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Pictures with fewer levels a channel, down to 16."""
    levels = LEVELS * (FEWEST_LEVELS / LEVELS) ** strengths.abs()
    return (pictures * levels).floor_().div_(levels)


def solarize(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Pictures whose values above 1 - |strength| are inverted."""
    return torch.where(pictures > 1 - strengths.abs(), 1 - pictures, pictures)


def stretch(pictures: Tensor, strengths: Tensor) -> Tensor:
    """Pictures whose darkest value is 0 and whose brightest is 1; constant ones stay. Strengths do not matter."""
    low, high = pictures.amin((1, 2, 3), keepdim=True), pictures.amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (pictures - low) / (high - low).clamp_min(TINY), pictures)


COLORS: tuple[Change, ...] = (brightness, contrast, saturation, sharpness, posterize, solarize, stretch)


def recolored(pictures: Tensor, chosen: Tensor, strengths: Tensor) -> Tensor:
    """The pictures, float32 in [0, 1], [batch, channel, height, width], each changed in its own way, in place.

    `chosen` is int64 [batch], on the CPU: indices into `COLORS`; others leave the picture as it is. `strengths` are float32
    [batch] in [-1, 1].

    Reference: Cubuk et al., "RandAugment", CVPR 2020 Workshops, figure 2.
    Differs: no histogram is equalized, and contrast is stretched by the extremes of all channels, so that no tint arises.
    """
    for index, change in enumerate(COLORS):
        rows = (chosen == index).nonzero()[:, 0].to(pictures.device)
        if len(rows):
            pictures[rows] = change(pictures[rows], strengths.to(pictures.device)[rows].view(-1, 1, 1, 1))
    return pictures


def cut_out(pictures: Tensor, centers: Tensor, sides: Tensor) -> Tensor:
    """The pictures, float32 [batch, channel, height, width], with one gray square each, in place.

    Centers (down and right), float32 [batch, 2], and sides, float32 [batch], are shares of height and width.

    Reference: DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv 1708.04552.
    """
    hidden = [
        ((torch.arange(length) + 0.5) / length - centers[:, axis, None]).abs() < sides[:, None] / 2
        for axis, length in enumerate(pictures.shape[-2:])
    ]
    mask = (hidden[0][:, None, :, None] & hidden[1][:, None, None, :]).to(pictures.device)
    return pictures.masked_fill_(mask, CUTOUT_FILL)


def _away_from(middle: Tensor, pictures: Tensor, strengths: Tensor) -> Tensor:
    return torch.lerp(middle.expand_as(pictures), pictures, 1 + REACH * strengths).clamp_(0, 1)


def _gray(pictures: Tensor) -> Tensor:
    """Brightness, [batch, 1, height, width]; exactly a channel where all are alike."""
    if pictures.shape[1] == 1:
        return pictures
    red, green, blue = pictures.unbind(1)
    return (green + LUMA[0] * (red - green) + LUMA[2] * (blue - green))[:, None]
