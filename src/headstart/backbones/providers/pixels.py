"""No network at all: the features are the reduced picture's pixels. What transfers must beat this baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import InputSide, Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn

LARGEST_SIDE = 18
"""The largest side whose RGB values number at most 1,024."""


@final
class Pixels(Provider):
    """One card, "pixels"; give it the smaller of 18 and the pictures' native side as input side."""

    summary: ClassVar[str] = "the reduced picture itself, as a baseline"
    precedence: ClassVar[int] = 60
    pretrained: ClassVar[bool] = False
    input_side: ClassVar[InputSide] = "native"

    def cards(self) -> list[Pretrained]:
        return [
            Pretrained(
                name="pixels",
                provider="pixels",
                architecture="pixels",
                license="CC0-1.0",
                source="nothing",
                num_parameters=0,
                input_pixels=LARGEST_SIDE,
                smallest_pixels=1,
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
            )
        ]

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...]:
        return ()

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from torch import nn  # noqa: PLC0415

        if weights not in ("pretrained", "none"):
            raise PretrainedError(f"pixels has no weights, and {weights} was given. Leave --weights out.")
        return nn.Flatten()

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        return card.model_copy(update={"input_pixels": pixels})
