"""No network at all: the rows are feature vectors already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import InputSide, Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn


@final
class Embeddings(Provider):
    """One card, "embeddings": the identity on rows that came as feature vectors."""

    summary: ClassVar[str] = "feature vectors as they were given"
    precedence: ClassVar[int] = 50
    pretrained: ClassVar[bool] = False
    takes_pictures: ClassVar[bool] = False
    input_side: ClassVar[InputSide] = "card"

    def cards(self) -> list[Pretrained]:
        return [
            Pretrained(
                name="embeddings",
                provider="embeddings",
                architecture="identity",
                license="CC0-1.0",
                source="whatever made the vectors",
                num_parameters=0,
                input_pixels=1,
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
            raise PretrainedError(f"embeddings has no weights, and {weights} was given. Leave --weights out.")
        return nn.Identity()
