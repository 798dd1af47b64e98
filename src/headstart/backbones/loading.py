"""Loading: from a name to a card, and from a card to a Backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Weights
from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError, PretrainedError, did_you_mean
from headstart.core.seeds import seed_for

if TYPE_CHECKING:
    from torch import nn

    from headstart.backbones.backbone import Backbone

PROVIDERS: Catalog[type[Provider]] = Catalog(
    "headstart.backbones.providers", "provider", is_final_class(Provider), frozenset({"base"})
)

_FIRST = ("packaged", "small_cnn", "pixels", "embeddings", "own_runs", "local_file", "torchvision", "timm")
"""Bare names are looked up in this order; plug-ins come after."""

Channels = tuple[float, float, float]

_PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-3-Clause", "BSD-2-Clause", "ISC", "CC0-1.0"})


def _provider_names() -> list[str]:
    known = PROVIDERS.names()
    return [name for name in _FIRST if name in known] + [name for name in known if name not in _FIRST]


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
    names = _provider_names()
    if provider is not None and provider not in names:
        raise PlanError(f'"{provider}" is not a provider.{did_you_mean(provider, names)} Known: {", ".join(names)}.')
    cards = [card for name in names if provider in (None, name) for card in PROVIDERS.get(name)().cards()]
    if license is None:
        return cards
    if license == "permissive":
        return [card for card in cards if card.license in _PERMISSIVE]
    return [card for card in cards if card.license.lower() == license.lower()]


def card_of(name: str) -> Pretrained:
    """The card of that name, also of models that are not advertised.

    Args:
        name: "efficientnet_lite0", "torchvision/resnet50", "timm/resnet50.a1_in1k", "resnet50", "run:PATH" or a file.

    Returns:
        The card.

    Raises:
        PretrainedError: No provider knows the name.
    """
    for provider in _provider_names():
        card = PROVIDERS.get(provider)().card(name)
        if card is not None:
            return card
    near = did_you_mean(name, [card.name for card in pretrained()])
    raise PretrainedError(
        f'"{name}" is not a pretrained model.{near} `headstart models` lists all; a file, "run:PATH", "timm/NAME" and '
        '"torchvision/NAME" are allowed too.'
    )


def provider_of(card: Pretrained) -> Provider:
    """The provider that makes the card's network."""
    return PROVIDERS.get(card.provider)()


def network_of(card: Pretrained, weights: Weights) -> nn.Module:
    """The card's network, in evaluation mode."""
    return provider_of(card).build(card, weights).eval()


def load_backbone(
    name: str,
    weights: str | Path = "pretrained",
    input_pixels: int | None = None,
    seed: int = 0,
    mean: Channels | None = None,
    std: Channels | None = None,
) -> Backbone:
    """The backbone of that name, ready to use.

    Args:
        name: As `card_of` takes it.
        weights: "pretrained", "none" for a random initialization, or a file of weights for the architecture.
        input_pixels: Side of the input square; the card's own where absent.
        seed: Of the random initialization.
        mean: Per-channel mean on pixels in [0, 1]; the card's own where absent.
        std: Per-channel standard deviation; the card's own where absent.

    Returns:
        The backbone, in evaluation mode on the CPU.

    Raises:
        PretrainedError: The name, the weights or the size do not work; one sentence.
    """
    import torch  # noqa: PLC0415

    from headstart.backbones.backbone import Backbone  # noqa: PLC0415
    from headstart.data.transforms import Transform  # noqa: PLC0415

    card = card_of(name)
    provider = provider_of(card)
    chosen: Weights = weights if weights in ("pretrained", "none") else Path(weights)  # type: ignore[assignment]
    pixels = input_pixels or card.input_pixels
    if pixels < card.smallest_pixels:
        raise PretrainedError(
            f"{name} takes pictures of at least {card.smallest_pixels} pixels, and {pixels} was asked. "
            f"Set pixels to {card.smallest_pixels} or more."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "initialization", card.architecture))
        sized = card.model_copy(update={"input_pixels": pixels}) if chosen == "none" else card
        module = provider.build(sized, chosen).eval()
    rebuilt = provider.underlying(card, pixels)
    # A run's network may have been shown pictures otherwise than the network that rebuilds it.
    normalization = {"mean": mean or card.mean, "std": std or card.std}
    own = {key: value for key, value in normalization.items() if value != getattr(rebuilt, key)}
    transform = Transform.model_validate({"pixels": pixels, **own})
    fresh = "none" if chosen == "none" else "pretrained" if chosen == "pretrained" else str(chosen)
    meaningful = fresh != "none" and getattr(module, "headstart_classifier_filled", True)
    backbone = Backbone(rebuilt, module, transform, fresh, source_classes=meaningful).eval()
    _check_runs(backbone, name)
    return backbone


def _check_runs(backbone: Backbone, name: str) -> None:
    """One tiny forward pass where the side is not the network's own: some networks take one size only."""
    import torch  # noqa: PLC0415

    pixels, own = backbone.transform.pixels, backbone.card.input_pixels
    if pixels == own:
        return
    try:
        with torch.inference_mode():
            backbone(torch.zeros(1, 3, pixels, pixels, dtype=torch.uint8))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PretrainedError(f"{name} does not run on {pixels} pixels ({reason}). Set pixels to {own}.") from None
