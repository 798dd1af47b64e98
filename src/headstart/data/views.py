"""Views: random variants of a batch of pictures that keep their classes; printable, hashable, drawn from a generator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from headstart.core.records import Record

ViewName = Literal["plain", "weak"]

SMALL_PIXELS = 32
"""Up to this side a picture holds no object that half of it still shows, so crops are milder and turns take their place."""


class View(Record):
    """How far a picture may be moved at random; one affine map a picture, with the border's colors carried on outside.

    Reference: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 6 (crops of random area).
    Differs: width and height are drawn one by one from the same range, so that the aspect ratio is not drawn apart.

    Attributes:
        name: What methods call it.
        crop: Smallest share of the area that stays in sight, in (0, 1].
        shift: Largest translation beyond the crop, as a share of the side.
        turn_degrees: Largest rotation either way.
        flip: Whether half of the pictures are mirrored left to right; wrong for digits and text.
    """

    name: ViewName = "plain"
    crop: float = 1.0
    shift: float = 0.0
    turn_degrees: float = 0.0
    flip: bool = False

    def __str__(self) -> str:
        if self.is_plain:
            return "plain"
        turn = f", turn={self.turn_degrees:g}" if self.turn_degrees else ""
        return f"{self.name}(crop={self.crop:g}, shift={self.shift:g}{turn}, flip={str(self.flip).lower()})"

    @property
    def is_plain(self) -> bool:
        """Whether pictures stay as they are."""
        return self.crop == 1.0 and self.shift == 0.0 and self.turn_degrees == 0.0 and not self.flip

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The pictures as this view shows them.

        Args:
            images: uint8, or float in [0, 1], [batch, channel, height, width].
            generator: On the CPU, so that every device sees the same draws.

        Returns:
            float32 in [0, 1] of the same shape and memory format.
        """
        pixels = images.float().div_(255) if images.dtype == torch.uint8 else images
        if self.is_plain:
            return pixels
        maps = self._maps(len(pixels), generator).to(pixels.device)
        grid = functional.affine_grid(maps, list(pixels.shape), align_corners=False)
        return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _maps(self, count: int, generator: torch.Generator) -> Tensor:
        """One map from output to input positions a picture, float32 [count, 2, 3]; positions run from -1 to 1."""
        low = math.sqrt(self.crop)
        draws = torch.rand(count, 6, generator=generator)
        sides = low + (1 - low) * draws[:, 0:2]
        centers = (2 * draws[:, 2:4] - 1) * (1 - sides + 2 * self.shift)
        angles = (2 * draws[:, 4] - 1) * math.radians(self.turn_degrees)
        mirrored = 1 - 2 * (draws[:, 5] < 0.5).float() if self.flip else torch.ones(count)
        cosines, sines = angles.cos(), angles.sin()
        first = torch.stack([mirrored * sides[:, 0] * cosines, -sides[:, 0] * sines, centers[:, 0]], dim=1)
        second = torch.stack([mirrored * sides[:, 1] * sines, sides[:, 1] * cosines, centers[:, 1]], dim=1)
        return torch.stack([first, second], dim=1)


def view_of(name: ViewName, pixels: int, flip: bool = False) -> View:
    """The named view for pictures of that side.

    "weak" crops down to half of the area, the range of `RandomResizedCrop` in few-label fine-tuning; small pictures keep at
    least 0.7 of the area and turn by up to 10 degrees.

    Args:
        name: "plain" or "weak".
        pixels: Side of the pictures as the network sees them, or their native side if that is smaller.
        flip: Whether "weak" may mirror.

    Returns:
        The view.
    """
    if name == "plain":
        return View()
    if pixels <= SMALL_PIXELS:
        return View(name="weak", crop=0.7, shift=0.05, turn_degrees=10.0, flip=flip)
    return View(name="weak", crop=0.5, shift=0.02, flip=flip)
