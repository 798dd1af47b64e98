"""The catalog of pretrained models: from a name to a card, and from a card to its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Resolver, Weights
from headstart.core.arguments import checked
from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError, PretrainedError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

PROVIDERS: Catalog[type[Provider]] = Catalog(
    "headstart.backbones.providers", "provider", is_final_class(Provider), frozenset({"base"})
)


def _providers() -> dict[str, type[Provider]]:
    """The providers in the order in which they are asked for a bare name."""
    return dict(sorted(PROVIDERS.all().items(), key=lambda item: (-item[1].precedence, item[0])))


@checked
def pretrained(license: str | None = None, provider: str | None = None) -> list[Pretrained]:  # noqa: A002  the word users know
    """The cards of all advertised models, without importing torch.

    Args:
        license: Keep these only: an SPDX identifier, or "permissive" for Apache, MIT, BSD and the like.
        provider: Keep this provider's only.

    Returns:
        The cards.

    Raises:
        PlanError: No provider has that name.
    """
    known = _providers()
    if provider is not None and provider not in known:
        raise PlanError(f'"{provider}" is not a provider.{did_you_mean(provider, known)} Known: {", ".join(known)}.')
    cards = [card for name, kind in known.items() if provider in (None, name) for card in kind(RESOLVER).cards()]
    if license == "permissive":
        return [card for card in cards if card.is_permissive]
    return [card for card in cards if license is None or card.license.lower() == license.lower()]


def packaged() -> list[Pretrained]:
    """The cards of the models whose weights were installed along with headstart."""
    return [card for card in pretrained() if card.available and provider_of(card).packaged]


def usable(cards: Sequence[Pretrained], weights: str = "pretrained") -> list[Pretrained]:
    """Those to transfer from: of cards that carry knowledge those whose weights are here, or all where none are."""
    knowing = [card for card in cards if provider_of(card).pretrained]
    here = [card for card in knowing if card.available] if weights == "pretrained" else []
    return here or knowing


def card_of(name: str) -> Pretrained:
    """The card of that name, also of models that are not advertised; `PretrainedError` where no provider knows it.

    Names are like "efficientnet_lite0", "torchvision/resnet50", "timm/resnet50.a1_in1k", "resnet50", "run:PATH", or a file.
    """
    for kind in _providers().values():
        card = kind(RESOLVER).card(name)
        if card is not None:
            return card
    near = did_you_mean(name, [card.name for card in pretrained()])
    raise PretrainedError(
        f'"{name}" is not a pretrained model.{near} `headstart models` lists all; a file, "run:PATH", "timm/NAME" and '
        '"torchvision/NAME" are allowed too.'
    )


def provider_of(card: Pretrained) -> Provider:
    """The provider that makes the card's network."""
    return PROVIDERS.get(card.provider)(RESOLVER)


def network_of(card: Pretrained, weights: Weights) -> nn.Module:
    """The card's network, in evaluation mode."""
    return provider_of(card).build(card, weights).eval()


RESOLVER = Resolver(card_of, network_of)
