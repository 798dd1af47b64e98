"""Views: random variants of a batch of pictures that keep their classes; printable, hashable, drawn from a generator."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from headstart.core.records import Record
from headstart.data.augmentation.colors import COLORS, cut_out, recolored
from headstart.data.augmentation.warps import NUM_WARPS, warp_maps

ViewName = Literal["plain", "weak", "strong", "rand", "trivial"]

SMALL_PIXELS = 32
"""Up to this side crops are milder and rotations are added, as half of a small picture shows no object. Chosen, not measured."""

BEYOND_WEAK: dict[ViewName, dict[str, Any]] = {
    "weak": {},
    "strong": {"num_operations": 2, "cutout": 0.5},
    "rand": {"num_operations": 2, "warps": True},
    "trivial": {"num_operations": 1, "warps": True},
}
"""The settings of each view beside the crop, shift and rotation of "weak"."""


class View(Record):
    """Random augmentation: an affine map of each picture, and random operations.

    Outside of the picture the colors of its border go on.

    Reference: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 6 (crops of random area); Cubuk et al.,
        "RandAugment", CVPR 2020 Workshops (a number of random operations).
    Differs: width and height are drawn independently from the same range, in place of area and aspect ratio. Operations
        that move pixels act before those that change them, joined with the crop; every operation has a strength of its own.

    Attributes:
        name: Name of the view in methods and plans.
        crop: Smallest share of the area that is shown, in (0, 1].
        shift: Largest translation beyond the crop, as a share of the side.
        turn_degrees: Largest rotation either way.
        flip: Whether half of the pictures are flipped left to right; wrong for digits and text.
        num_operations: Random operations a picture.
        warps: Whether shears, shifts and rotations are among the operations, beside changes of color and sharpness.
        cutout: Largest side of the gray square that hides a part, as a share of the picture's.
    """

    name: ViewName = "plain"
    crop: float = 1.0
    shift: float = 0.0
    turn_degrees: float = 0.0
    flip: bool = False
    num_operations: int = 0
    warps: bool = False
    cutout: float = 0.0

    def __str__(self) -> str:
        if self.is_plain:
            return "plain"
        turn = f", turn={self.turn_degrees:g}" if self.turn_degrees else ""
        what = "warps or colors" if self.warps else "colors"
        operations = f", {self.num_operations} {what}" if self.num_operations else ""
        cutout = f", cutout={self.cutout:g}" if self.cutout else ""
        moved = f"crop={self.crop:g}, shift={self.shift:g}{turn}, flip={str(self.flip).lower()}"
        return f"{self.name}({moved}{operations}{cutout})"

    @property
    def is_plain(self) -> bool:
        """Whether pictures stay as they are."""
        return self == View(name=self.name)

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The augmented pictures, float32 in [0, 1], of the same shape and memory format.

        Pictures are uint8, or float in [0, 1], [batch, channel, height, width]. The generator is on the CPU, so that draws are
        the same whatever the device.
        """
        pixels = images.float().div_(255) if images.dtype == torch.uint8 else images
        if self.is_plain:
            return pixels
        maps = self._maps(len(pixels), generator)
        chosen, strengths = self._operations(len(pixels), generator)
        if self.warps:
            for operation, strength in zip(chosen, strengths, strict=True):
                maps = maps @ warp_maps(operation, strength)
        grid = functional.affine_grid(maps.to(pixels.device), list(pixels.shape), align_corners=False)
        shown = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
        for operation, strength in zip(chosen - (NUM_WARPS if self.warps else 0), strengths, strict=True):
            shown = recolored(shown, operation, strength)
        if self.cutout:
            draws = torch.rand(len(shown), 3, generator=generator)
            shown = cut_out(shown, draws[:, :2], self.cutout * draws[:, 2])
        return shown

    def _operations(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Operations, the last number standing for none, and strengths in [-1, 1], both [operation, sample]."""
        shape = (self.num_operations, count)
        kinds = len(COLORS) + (NUM_WARPS if self.warps else 0)
        chosen = torch.randint(kinds + 1, shape, generator=generator)
        return chosen, 2 * torch.rand(shape, generator=generator) - 1

    def _maps(self, count: int, generator: torch.Generator) -> Tensor:
        """One map from output to input positions a picture, float32 [count, 2, 3]; positions run from -1 to 1."""
        low = math.sqrt(self.crop)
        draws = torch.rand(count, 6, generator=generator)
        sides = low + (1 - low) * draws[:, 0:2]
        centers = (2 * draws[:, 2:4] - 1) * (1 - sides + 2 * self.shift)
        angles = (2 * draws[:, 4] - 1) * math.radians(self.turn_degrees)
        flips = 1 - 2 * (draws[:, 5] < 0.5).float() if self.flip else torch.ones(count)
        cosines, sines = angles.cos(), angles.sin()
        first = torch.stack([flips * sides[:, 0] * cosines, -sides[:, 0] * sines, centers[:, 0]], dim=1)
        second = torch.stack([flips * sides[:, 1] * sines, sides[:, 1] * cosines, centers[:, 1]], dim=1)
        return torch.stack([first, second], dim=1)


def view_of(name: ViewName, pixels: int, flip: bool = False) -> View:
    """The named view for pictures of that side.

    "weak" crops down to half of the area, the range of `RandomResizedCrop` in few-label fine-tuning; small pictures keep at
    least 0.7 of the area and turn by up to 10 degrees. The others go on from there: "strong" changes colors twice and hides a
    square of up to half the side (Sohn et al., "FixMatch", NeurIPS 2020, section 2.3), "rand" does two random operations
    (RandAugment), "trivial" one (Mueller & Hutter, "TrivialAugment", ICCV 2021, with the narrower of its two sets of ranges).
    `pixels` is the side of the network's input, or the native side of the pictures if that is smaller.
    """
    if name == "plain":
        return View()
    small = pixels <= SMALL_PIXELS
    moved = {"crop": 0.7, "shift": 0.05, "turn_degrees": 10.0} if small else {"crop": 0.5, "shift": 0.02}
    return View.model_validate({"name": name, "flip": flip, **moved, **BEYOND_WEAK[name]})
