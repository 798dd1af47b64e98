"""Provider: one place that weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from headstart.backbones.pretrained import Pretrained

GIVE_FILE = "give it with --weights FILE, which `headstart run`, `rank`, `decide` and `fit` take"
"""What messages suggest where weights are not on this machine; commands without that option name others that have it."""

if TYPE_CHECKING:
    from torch import nn

Weights = Literal["pretrained", "none"] | Path
"""The card's own weights, a random initialization, or a file of weights for the card's architecture."""


InputSide = Literal["chosen", "native", "card"]
"""The side of a network's input square: chosen for the pictures, the pictures' own up to the card's, or always the card's."""


class Resolver(NamedTuple):
    """What one provider may ask of all providers together.

    Attributes:
        card_of: The card of a name.
        network_of: The network of a card, with weights loaded, in evaluation mode.
    """

    card_of: Callable[[str], Pretrained]
    network_of: Callable[[Pretrained, Weights], nn.Module]


class Provider(ABC):
    """Lists cards and makes networks for them.

    Args:
        resolver: Answers for the models of all providers.

    Attributes:
        summary: One line that says where the weights come from.
        precedence: Providers are asked for a bare name in descending precedence.
        packaged: Whether the weights were installed along with headstart. Such models are the candidates where a user names none.
        pretrained: Whether the networks carry over anything that was learned before.
        trainable_only: Whether the networks can only be trained from scratch, as there are no weights for them.
        takes_pictures: False where the rows are feature vectors already.
        input_side: Which side of the input square suits the networks.
    """

    summary: ClassVar[str]
    precedence: ClassVar[int] = 0
    packaged: ClassVar[bool] = False
    pretrained: ClassVar[bool] = True
    trainable_only: ClassVar[bool] = False
    takes_pictures: ClassVar[bool] = True
    input_side: ClassVar[InputSide] = "chosen"

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver

    @abstractmethod
    def cards(self) -> list[Pretrained]:
        """The cards that this provider advertises, without importing torch."""

    def card(self, name: str) -> Pretrained | None:
        """The card of that name, also of models that are not advertised; None when the name is not this provider's."""
        return next((card for card in self.cards() if card.name == name), None)

    @abstractmethod
    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        """The network of one of this provider's cards, in float32 on the CPU, with its classifier still on.

        Raises `PretrainedError` where the weights are absent, damaged or of another architecture. The message names the file to
        bring and where to put it.
        """

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...] | None:
        """The files that decide the network that `build` makes: it stays as long as they do. None where that is unknown."""
        if isinstance(weights, Path):
            return (weights,)
        return () if weights == "none" else None

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        """The card that rebuilds the network, for an input square of that side, without the file or run of its weights."""
        return card
