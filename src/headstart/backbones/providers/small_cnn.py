"""A small network without knowledge, to be trained from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import InputSide, Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn


@final
class SmallCnnProvider(Provider):
    """One card, "small_cnn"; its depth follows the side of the input square that it is loaded with."""

    summary: ClassVar[str] = "a small network without weights, to train from scratch"
    precedence: ClassVar[int] = 70
    pretrained: ClassVar[bool] = False
    trainable_only: ClassVar[bool] = True
    input_side: ClassVar[InputSide] = "native"

    def cards(self) -> list[Pretrained]:
        return [
            Pretrained(
                name="small_cnn",
                provider="small_cnn",
                architecture="small_cnn",
                license="Apache-2.0",
                source="nothing",
                input_pixels=64,
                smallest_pixels=4,
                mean=(0.5, 0.5, 0.5),
                std=(0.25, 0.25, 0.25),
            )
        ]

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...]:
        return ()

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from headstart.backbones.small_cnn import SmallCnn  # noqa: PLC0415

        if weights != "none":
            raise PretrainedError(
                f'small_cnn has no weights to transfer, and weights = "{weights}" was given. Set weights to "none".'
            )
        return SmallCnn(card.input_pixels)

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        return card.model_copy(update={"input_pixels": pixels})
