"""Provider: one place that weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from headstart.backbones.pretrained import Pretrained

if TYPE_CHECKING:
    from torch import nn

Weights = Literal["pretrained", "none"] | Path
"""The card's own weights, a random initialization, or a file of weights for the card's architecture."""


class Provider(ABC):
    """Lists cards and makes networks for them."""

    summary: ClassVar[str]

    @abstractmethod
    def cards(self) -> list[Pretrained]:
        """The cards that this provider advertises, without importing torch."""

    @abstractmethod
    def card(self, name: str) -> Pretrained | None:
        """The card of that name, also of models it does not advertise; None when the name is not this provider's."""

    @abstractmethod
    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        """The network, in float32 on the CPU, with its classifier still on.

        Args:
            card: One of this provider's cards.
            weights: What to fill it with.

        Returns:
            The network.

        Raises:
            PretrainedError: The weights are absent, damaged or of another architecture; the message names the file to
                bring and where to put it.
        """

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        """The card that rebuilds the network on its own, without the file or run that the weights came from.

        Args:
            card: One of this provider's cards.
            pixels: Side of the input square that the network will be given.

        Returns:
            The card itself, unless it points to a file or a run.
        """
        return card
