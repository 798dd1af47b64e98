"""Small networks without knowledge, to be trained from scratch."""

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
    """Two cards, "small_cnn" and "small_resnet"; their depth follows the side of the input square that they are loaded with."""

    summary: ClassVar[str] = "small networks without weights, to train from scratch"
    precedence: ClassVar[int] = 70
    pretrained: ClassVar[bool] = False
    trainable_only: ClassVar[bool] = True
    input_side: ClassVar[InputSide] = "native"

    def cards(self) -> list[Pretrained]:
        return [
            _card("small_cnn", input_pixels=64, smallest_pixels=4),
            _card("small_resnet", input_pixels=64, smallest_pixels=16),
        ]

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...]:
        return ()

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from headstart.backbones.small_cnn import SmallCnn  # noqa: PLC0415
        from headstart.backbones.small_resnet import SmallResNet  # noqa: PLC0415

        if weights != "none":
            raise PretrainedError(
                f'{card.architecture} has no weights to transfer, and weights = "{weights}" was given. Set weights to "none".'
            )
        networks: dict[str, type[nn.Module]] = {"small_cnn": SmallCnn, "small_resnet": SmallResNet}
        return networks[card.architecture](card.input_pixels)

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        return card.model_copy(update={"input_pixels": pixels})


def _card(name: str, input_pixels: int, smallest_pixels: int) -> Pretrained:
    return Pretrained(
        name=name,
        provider="small_cnn",
        architecture=name,
        license="Apache-2.0",
        source="nothing",
        input_pixels=input_pixels,
        smallest_pixels=smallest_pixels,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )
